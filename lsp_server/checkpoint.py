"""What every request passes on its way out: owns the order of role, trail and leaving; it sends nothing itself.

    checkpoint = Checkpoint(settings, policy, trail.audit, documents.path_of, on_grant)
    Endpoint(..., gate=checkpoint)

A role is read from the very token that the request would carry. It only says what is shown and what is not sent: the
gateway judges the token itself, and refuses again what it does not allow.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from cachetools import TTLCache

from lsp_server.endpoint.ended import Ended
from lsp_server.endpoint.gate import Leaving, Question
from lsp_server.endpoint.purpose import Feature, Purpose, Sending
from lsp_server.endpoint.status import EndpointError
from lsp_server.endpoint.tokens import claims
from lsp_server.ledger import entries
from lsp_server.ledger.audit import Audit, AuditError
from lsp_server.options import Offered, Settings
from lsp_server.policy import Grant, Policy

SAME_REFUSAL_S = 60.0
"""A refusal is noted once in so long: one who types in a refused file is refused with every key."""

_WORDS: dict[Offered, str] = {
    "completion": "completions",
    "explain": "explanations",
    "fix": "fixes",
    "tests": "generated tests",
}


class Checkpoint:
    """The gate of one session's endpoints; `on_grant` hears that other features are offered than before."""

    def __init__(
        self,
        settings: Settings,
        policy: Policy,
        audit: Audit | None = None,
        path_of: Callable[[str], str] = str,
        on_grant: Callable[[], None] = lambda: None,
    ) -> None:
        self._disabled = frozenset(settings.features.disabled)
        self._policy = policy
        self._audit = audit
        self._path_of = path_of
        self._on_grant = on_grant
        self._is_open = policy.access is None and not policy.trouble
        self._grants: dict[str, tuple[str | None, Grant]] = {}
        self._refusals: TTLCache[tuple[str, ...], bool] = TTLCache(1_024, SAME_REFUSAL_S)

    @property
    def features(self) -> tuple[Offered, ...]:
        """What the developer is offered; where roles decide, nothing before the first token was read."""
        granted = [grant for tier, (_, grant) in self._grants.items() if tier in grant.tiers]
        return tuple(
            feature
            for feature in _WORDS
            if feature not in self._disabled and (self._is_open or any(feature in one.features for one in granted))
        )

    @property
    def may_think(self) -> bool:
        """Whether the thinking tier may be asked, as far as is known."""
        grants = [grant for _, grant in self._grants.values()]
        return self._is_open or any("thinking" in grant.tiers for grant in grants)

    def leave(self, leaving: Leaving) -> None:
        """Takes note of a request; raises EndpointError (denied) where role, settings or trail are against it."""
        purpose, tier = leaving.sending.purpose, leaving.tier
        grant = self._grant(tier, leaving.address.token)
        feature = _offered(purpose.feature)
        if (rule := self._rule_against(grant, feature, tier)) is not None:
            reason, message = rule
            self._note_refusal(purpose, tier, reason)
            raise EndpointError("denied", message)
        if self._audit is not None:
            self._must_record(self._sent(leaving, grant))

    def consult(self, question: Question) -> None:
        """Takes note of a question; raises EndpointError (denied) where role, settings or trail are against it."""
        purpose = question.sending.purpose
        feature = _offered(purpose.feature)
        if feature is not None and feature not in self.features:
            self._note_refusal(purpose, "provider", "policy" if feature in self._disabled else "role")
            raise EndpointError("denied", f"{_WORDS[feature].capitalize()} are not offered.")
        if self._audit is None:
            return
        path, workspace = self._place(purpose.uri)
        entry = entries.Sent(
            entries.RequestId(question.sending.request_id),
            purpose.feature,
            "provider",
            entries.name(self._role_with(feature)),
            entries.name(question.provider),
            entries.origin(question.url) if question.url else entries.Name("process"),
            workspace,
            path,
            self._audit.digest(question.text),
            len(question.text),
        )
        self._must_record(entry)

    def over(self, sending: Sending, ended: Ended, answer: str) -> None:
        """Takes note of what came of a request."""
        if self._audit is None:
            return
        times = ended.timings
        entry = entries.Ended(
            entries.RequestId(sending.request_id),
            ended.outcome,
            entries.Word(ended.error),
            self._audit.digest(answer) if answer else None,
            len(answer),
            times.prompt_tokens,
            times.completion_tokens,
            round(times.total_ms) if times.total_ms is not None else None,
        )
        self._record(entry)

    def refused(self, purpose: Purpose, tier: str, error: EndpointError) -> None:
        """Takes note of what the guard did not let leave."""
        self._note_refusal(purpose, tier, "egress")

    def refused_file(self, feature: Offered, uri: str) -> None:
        """Takes note of a file of which nothing is sent."""
        self._note_refusal(Purpose(feature, uri), "instant", "secrets")

    def judged(self, request_id: str, n_chars: int, *, is_whole: bool) -> None:
        """Takes note that the developer has taken so much of an answer."""
        if self._audit is not None and request_id:
            acceptance: entries.Acceptance = "accepted" if is_whole else "partly"
            self._record(entries.Judged(entries.RequestId(request_id), acceptance, n_chars))

    def _rule_against(self, grant: Grant, feature: Offered | None, tier: str) -> tuple[str, str] | None:
        """The rule that forbids a request, and what the developer is told; a probe may do what anything may."""
        if feature is not None and feature in self._disabled:
            return "policy", f"{_WORDS[feature].capitalize()} are switched off by features.disabled."
        role = f"Your role {grant.role}" if grant.role else "Your token's role"
        if tier not in grant.tiers:
            return "role", f"{role} does not include the {tier} model."
        if not grant.features if feature is None else feature not in grant.features:
            return "role", f"{role} does not include {_WORDS[feature] if feature else 'any feature'}."
        return None

    def _grant(self, tier: str, token: str | None) -> Grant:
        """What the bearer of a token may do, read anew only where it is another token."""
        known = self._grants.get(tier)
        if known is not None and known[0] == token:
            return known[1]
        before = self.features, self.may_think
        grant = self._policy.grant(claims(token))
        self._grants[tier] = token, grant
        if (self.features, self.may_think) != before:
            self._on_grant()
        return grant

    def _sent(self, leaving: Leaving, grant: Grant) -> entries.Sent:
        assert self._audit is not None
        purpose = leaving.sending.purpose
        path, workspace = self._place(purpose.uri)
        return entries.Sent(
            entries.RequestId(leaving.sending.request_id),
            purpose.feature,
            _tier(leaving.tier),
            entries.name(grant.role),
            entries.name(leaving.model),
            entries.origin(leaving.address.url),
            workspace,
            path,
            self._audit.digest(leaving.prompt),
            len(leaving.prompt),
        )

    def _note_refusal(self, purpose: Purpose, tier: str, reason: str) -> None:
        key = (purpose.feature, tier, purpose.uri, reason)
        if self._audit is None or key in self._refusals:
            return
        self._refusals[key] = True
        known = self._grants.get("instant" if tier == "provider" else tier)
        role = entries.name(known[1].role if known is not None else "")
        path, workspace = self._place(purpose.uri)
        self._record(entries.Refused(purpose.feature, _tier(tier), role, workspace, path, entries.Word(reason)))

    def _role_with(self, feature: Offered | None) -> str:
        """The role by which a feature is offered; "" where it is to everybody."""
        granted = (grant for tier, (_, grant) in self._grants.items() if tier in grant.tiers)
        return next((grant.role for grant in granted if feature in grant.features), "")

    def _must_record(self, entry: entries.Entry) -> None:
        """What is not noted does not leave, where that is required."""
        assert self._audit is not None
        try:
            self._audit.record(entry)
        except AuditError as error:
            raise EndpointError("denied", str(error)) from None

    def _record(self, entry: entries.Entry) -> None:
        """What has happened already is told even where the trail is required and broken: it is lost, and counted."""
        assert self._audit is not None
        self._audit.tell(entry)

    def _place(self, uri: str) -> tuple[entries.Path, entries.Word]:
        """A document's path in its folder, and the name by which the trail knows the folder."""
        assert self._audit is not None
        if not uri:
            return entries.Path(""), entries.Word("")
        path = self._path_of(uri)
        return entries.path(path), self._audit.workspace_id(_folder(uri, path))


@lru_cache(maxsize=256)
def _folder(uri: str, path: str) -> str:
    return unquote(urlsplit(uri).path).removesuffix(path)


def _offered(feature: Feature) -> Offered | None:
    """What a request's feature is to a developer; None for a probe, which is for none."""
    if feature == "probe":
        return None
    return "completion" if feature == "warm_up" else feature


def _tier(name: str) -> entries.Tier:
    match name:
        case "thinking" | "provider":
            return name
    return "instant"
