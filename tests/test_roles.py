"""Roles: what a token's claims let a developer ask for, in what is offered and in what is sent."""

from __future__ import annotations

import base64
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import wire
from scripted_endpoint import ScriptedEndpoint
from test_policy import check_policy, serving_under
from wire import Editor, in_time, open_editor

from lsp_server.checkpoint import Checkpoint
from lsp_server.endpoint.address import Address
from lsp_server.endpoint.gate import Leaving, Question
from lsp_server.endpoint.purpose import Feature, Purpose, Sending
from lsp_server.endpoint.status import EndpointError
from lsp_server.ledger import verify
from lsp_server.options import Settings
from lsp_server.policy import Policy

ROLES = """
[access]
claim = "realm.roles"
default = "guest"

[access.roles.developer]
features = ["completion", "explain", "fix", "tests"]
tiers = ["instant", "thinking"]

[access.roles.trainee]
features = ["completion"]
tiers = ["instant"]

[access.roles.reviewer]
features = ["explain"]
tiers = ["instant"]

[access.roles.guest]
features = []
tiers = []
"""
DEVELOPER = {"completion", "explain", "fix", "tests"}


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    folder = tmp_path / "etc"
    folder.mkdir(mode=0o755)
    return check_policy(folder / "policy.toml", ROLES)


def token(**claims: Any) -> str:
    """A JWT that nobody here verifies."""
    parts = ({"alg": "RS256"}, claims, "signature")
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


def check_asked(checkpoint: Checkpoint, feature: Feature, bearer: str | None, *, tier: str = "instant") -> str:
    """What is said against a request; "" where it may leave."""
    sending = Sending.of(Purpose(feature, "file:///work/a.py"))
    try:
        checkpoint.leave(Leaving(sending, tier, Address("http://127.0.0.1:1/v1", token=bearer)))
    except EndpointError as error:
        return str(error) if error.kind == "denied" else f"unexpected: {error.kind}"
    return ""


@pytest.mark.parametrize(
    ("claims", "features", "role"),
    [
        ({"realm": {"roles": ["developer"]}}, DEVELOPER, "developer"),
        ({"realm": {"roles": ["trainee", "unheard-of"]}}, {"completion"}, "trainee"),
        ({"realm": {"roles": ["reviewer", "trainee"]}}, {"completion", "explain"}, "trainee+reviewer"),
        ({"realm": {"roles": "trainee, reviewer"}}, {"completion", "explain"}, "trainee+reviewer"),
        ({"realm.roles": ["trainee"]}, {"completion"}, "trainee"),
        ({"realm": {"roles": []}}, set(), "guest"),
        ({"realm": {"roles": 7}}, set(), "guest"),
        ({"realm": {"roles": [["developer"], None]}}, set(), "guest"),
        ({"realm": "developer"}, set(), "guest"),
        ({"roles": ["developer"]}, set(), "guest"),
        ({}, set(), "guest"),
    ],
)
def test_what_a_token_grants(policy: Policy, claims: dict[str, Any], features: set[str], role: str) -> None:
    grant = policy.grant(claims)
    assert (set(grant.features), grant.role) == (features, role)
    checkpoint = Checkpoint(Settings(), policy)
    assert checkpoint.features == ()
    said = check_asked(checkpoint, "completion", token(**claims))
    assert (said == "") is ("completion" in features)
    assert set(checkpoint.features) == features


def test_without_a_default_who_has_no_role_gets_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir(mode=0o755)
    policy = check_policy(folder / "policy.toml", ROLES.replace('default = "guest"\n', ""))
    assert policy.grant({}).features == frozenset()
    for bearer in (None, "", "opaque", "a.b.c", f"{token(realm=1)}.more"):
        assert check_asked(Checkpoint(Settings(), policy), "completion", bearer)


@pytest.mark.parametrize(
    ("feature", "tier", "part"),
    [
        ("completion", "instant", ""),
        ("warm_up", "instant", ""),
        ("probe", "instant", ""),
        ("explain", "instant", "Your role trainee does not include explanations."),
        ("fix", "instant", "does not include fixes"),
        ("tests", "instant", "does not include generated tests"),
        ("completion", "thinking", "does not include the thinking model"),
        ("probe", "thinking", "does not include the thinking model"),
    ],
)
def test_what_a_role_lacks_is_not_sent(policy: Policy, feature: Feature, tier: str, part: str) -> None:
    bearer = token(realm={"roles": ["trainee"]})
    assert part in (said := check_asked(Checkpoint(Settings(), policy), feature, bearer, tier=tier))
    assert bool(said) is bool(part)


def test_a_new_token_is_a_new_grant(policy: Policy) -> None:
    heard: list[tuple[str, ...]] = []
    checkpoint = Checkpoint(Settings(), policy, on_grant=lambda: heard.append(checkpoint.features))
    trainee, developer = token(realm={"roles": ["trainee"]}), token(realm={"roles": ["developer"]})
    for bearer in (trainee, trainee, developer, developer, trainee):
        check_asked(checkpoint, "completion", bearer)
    assert heard == [("completion",), ("completion", "explain", "fix", "tests"), ("completion",)]


def test_what_is_switched_off_is_off_for_every_role(policy: Policy) -> None:
    settings = Settings.model_validate({"features": {"disabled": ["fix", "completion"]}})
    for under in (policy, Policy()):
        checkpoint = Checkpoint(settings, under)
        bearer = token(realm={"roles": ["developer"]})
        assert "features.disabled" in check_asked(checkpoint, "warm_up", bearer)
        assert "features.disabled" in check_asked(checkpoint, "fix", bearer)
        assert check_asked(checkpoint, "explain", bearer) == ""
        assert checkpoint.features == ("explain", "tests")


@pytest.mark.parametrize(("roles", "is_asked"), [(["trainee"], False), (["developer"], True)])
def test_knowledge_is_asked_for_what_the_role_has(policy: Policy, roles: list[str], is_asked: bool) -> None:
    checkpoint = Checkpoint(Settings(), policy)
    question = Question(Sending.of(Purpose("explain")), "handbook", "", "ledger_entry")
    with pytest.raises(EndpointError, match="Explanations are not offered"):
        checkpoint.consult(question)  # no token was seen yet
    check_asked(checkpoint, "completion", token(realm={"roles": roles}))
    with nullcontext() if is_asked else pytest.raises(EndpointError, match="Explanations are not offered"):
        checkpoint.consult(question)


# In a real server.


async def titles(editor: Editor, document: wire.Document) -> list[str]:
    """What is offered for a diagnostic on the whole document."""
    here = {"start": document.position(0), "end": document.position(len(document.text))}
    diagnostic = {"range": here, "message": "undefined name 'b'", "severity": 1}
    context = {"diagnostics": [diagnostic], "triggerKind": 1}
    asked = {"textDocument": {"uri": document.uri}, "range": here, "context": context}
    return [action["title"] for action in await editor.request("textDocument/codeAction", asked)]


async def test_what_a_role_lacks_is_not_offered_and_no_error(
    tmp_path: Path, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "SERVE", serving_under(Path(policy.place)))
    file = tmp_path / "token"
    file.write_text(token(realm={"roles": ["trainee"]}), encoding="utf-8")
    environment = {"INSTANT_LSP_ENDPOINT_INSTANT_TOKEN_FILE": str(file)}
    async with (
        ScriptedEndpoint() as endpoint,
        open_editor(
            "vscode", tmp_path, url=endpoint.url, options={"hover": "always"}, environment=environment
        ) as editor,
    ):
        status = await editor.status("ready")
        assert (status["features"], status["tiers"]) == (["completion"], ["instant"])
        document = editor.open("def f(a):\n    return a +\n")
        document.cursor = document.text.index("+") + 1
        assert await document.ghost() == " a + b"
        n_asked = len(endpoint.requests)
        assert await titles(editor, document) == []
        document.cursor = document.text.index("f")
        assert await in_time(document.hover()) is None
        argument = {"uri": document.uri, "range": {"start": document.position(0), "end": document.position(5)}}
        asked = {"command": "instant.explain", "arguments": [{**argument, "partialResultToken": "p"}]}
        assert "not included in your token's role" in (await editor.request("workspace/executeCommand", asked))["text"]
        assert len(endpoint.requests) == n_asked
        assert "x-instant-feature" in endpoint.requests[-1].headers
    folder = tmp_path / "instant-lsp" / "audit"
    (node,) = verify.nodes(folder)
    roles = {line.fields.get("role") for line in verify.lines(folder, node) if line.fields["kind"] == "sent"}
    assert roles == {"trainee"}


async def test_who_has_no_role_is_told_so_once(tmp_path: Path, policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "SERVE", serving_under(Path(policy.place)))
    async with ScriptedEndpoint() as endpoint, open_editor("neovim", tmp_path, url=endpoint.url) as editor:
        status = await editor.status("off")
        assert "does not include" in status["message"]
        assert (status["features"], endpoint.requests) == ([], [])
        assert await in_time(editor.open("x =").complete()) == {"items": []}
        assert endpoint.requests == []
