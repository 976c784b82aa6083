"""The company's policy and the repository's file: which of them is believed, and what each can make of the settings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import wire
from hypothesis import given
from hypothesis import strategies as st
from scripted_endpoint import ScriptedEndpoint
from wire import open_editor

from lsp_server.endpoint.only import is_named
from lsp_server.options import MORE, Settings
from lsp_server.policy import Policy, policy_file, read_policy
from lsp_server.settings import REPOSITORY_FILE, load, options

OWNER = os.getuid() if hasattr(os, "getuid") else 0


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own settings file; nothing of this machine's gets in."""
    for name in os.environ:
        if name.startswith("INSTANT_LSP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "instant-lsp").mkdir()
    return tmp_path / "instant-lsp" / "settings.toml"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the policy lies in these tests."""
    folder = tmp_path / "etc"
    folder.mkdir(mode=0o755)
    return folder / "policy.toml"


def put(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)


def check_policy(path: Path, text: str) -> Policy:
    """A policy that is followed."""
    put(path, text)
    policy = read_policy(path, owner=OWNER)
    assert policy.trouble == ""
    assert policy.place == str(path)
    return policy


def check_refused(path: Path, *parts: str) -> None:
    """The policy is not followed, the reason is told, and nothing can be sent."""
    policy = read_policy(path, owner=OWNER)
    for part in (str(path), "Nothing is sent", *parts):
        assert part in policy.trouble
    endpoint = {"instant": {"url": "http://127.0.0.1:1/v1"}, "thinking": {"url": "http://127.0.0.1:1/v1"}}
    settings, _ = load({"endpoint": endpoint}, is_users_alone=True, policy=policy)
    assert settings.endpoint.instant.url is settings.endpoint.thinking.url is None
    assert not settings.embedded.enabled
    assert set(settings.features.disabled) == {"completion", "explain", "fix", "tests"}
    assert policy.grant({"roles": ["admin"]}).features == frozenset()


def check_loaded(
    policy: Policy, *problems: str, editor: Mapping[str, Any] | None = None, folders: tuple[Path, ...] = ()
) -> Settings:
    """The settings under a policy; the problems are as many as given, each naming its part."""
    settings, found = load(editor, is_users_alone=True, folders=folders, policy=policy)
    assert len(found) == len(problems), [str(problem) for problem in found]
    for problem, part in zip(found, problems, strict=True):
        assert part in str(problem)
    return settings


# Whether a policy is believed.


def test_no_policy_is_none(place: Path) -> None:
    assert read_policy(place, owner=OWNER) == Policy()


@pytest.mark.skipif(OWNER != 0, reason="only root can give a file to somebody else")
@pytest.mark.parametrize("whose", ["file", "folder"])
def test_what_does_not_belong_to_root_is_refused(place: Path, whose: str) -> None:
    place.write_text("[settings]\n", encoding="utf-8")
    os.chown(place if whose == "file" else place.parent, 1234, 1234)
    check_refused(place, "does not belong to root")


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
@pytest.mark.parametrize("whose", ["file", "folder"])
def test_what_others_can_write_is_refused(place: Path, whose: str, mode: int) -> None:
    place.write_text("[settings]\n", encoding="utf-8")
    (place if whose == "file" else place.parent).chmod(mode | 0o111 if whose == "folder" else mode)
    check_refused(place, "can be written by others")


def test_a_link_to_what_others_can_write_is_refused(place: Path, tmp_path: Path) -> None:
    aside = tmp_path / "aside"
    aside.mkdir()
    (aside / "policy.toml").write_text("[settings]\n", encoding="utf-8")
    aside.chmod(0o777)
    place.symlink_to(aside / "policy.toml")
    check_refused(place, "can be written by others")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[settings", "it is no TOML"),
        ("[setings]\n", "setings"),
        ("[settings]\naudit.requird = true\n", "settings.audit.requird"),
        ('[settings]\naudit.required = "perhaps"\n', "settings.audit.required"),
        ('[access.roles.guest]\nfeatures = ["review"]\ntiers = []\n', "access.roles.guest.features"),
        ('[access]\ndefault = "nobody"\nroles = {}\n', "there is no role nobody"),
    ],
)
def test_a_policy_that_is_not_understood_in_whole_is_not_followed_in_part(place: Path, text: str, part: str) -> None:
    place.write_text(text, encoding="utf-8")
    check_refused(place, part)


def test_what_is_no_small_file_of_text_is_refused_at_once(place: Path) -> None:
    os.mkfifo(place)
    check_refused(place, "it is no file")
    place.unlink()
    place.mkdir()
    check_refused(place)
    place.rmdir()
    place.write_bytes(b"\xff\xfe")
    check_refused(place, "it is no TOML")
    place.write_text("#" * (2 << 20), encoding="utf-8")
    check_refused(place, "too large")


def test_no_variable_moves_the_policy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = policy_file()
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "ProgramData", "ALLUSERSPROFILE", "INSTANT_LSP_POLICY"):
        monkeypatch.setenv(name, str(tmp_path))
    assert policy_file() == before
    assert before.is_absolute()


# What goes before what.


def test_the_policy_goes_before_environment_user_editor_and_repository(
    place: Path, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    policy = check_policy(place, '[settings]\nlog.level = "error"\naudit.required = true\ncompletion.max_lines = 1\n')
    home.write_text('log.level = "debug"\ncompletion.max_lines = 2\ncompletion.max_tokens = 2_0\n', encoding="utf-8")
    monkeypatch.setenv("INSTANT_LSP_LOG_LEVEL", "debug")
    monkeypatch.setenv("INSTANT_LSP_AUDIT_REQUIRED", "false")
    editor = {"completion": {"max_lines": 3, "max_tokens": 30, "budget_tokens": 333}}
    settings = check_loaded(policy, editor=editor)
    assert (settings.log.level, settings.audit.required) == ("error", True)
    completion = settings.completion
    assert (completion.max_lines, completion.max_tokens, completion.budget_tokens) == (1, 20, 333)


def test_what_is_refused_anywhere_is_refused(
    place: Path, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    policy = check_policy(place, '[settings]\nsecrets.refused = ["policy/**"]\nfeatures.disabled = ["tests"]\n')
    home.write_text('secrets.refused = ["user/**"]\n', encoding="utf-8")
    monkeypatch.setenv("INSTANT_LSP_SECRETS_REFUSED", "environment/**")
    (tmp_path / REPOSITORY_FILE).write_text(
        'secrets.refused = ["repository/**"]\nfeatures.disabled = ["fix"]\n', encoding="utf-8"
    )
    settings = check_loaded(policy, editor={"secrets": {"refused": ["editor/**"]}}, folders=(tmp_path,))
    refused = {"policy/**", "user/**", "environment/**", "repository/**", "editor/**"}
    assert set(settings.secrets.refused) == refused
    assert set(settings.features.disabled) == {"tests", "fix"}


def test_a_policy_switches_what_a_user_has_switched_on(place: Path, home: Path) -> None:
    policy = check_policy(
        place, "[settings]\ntests.run = false\nendpoint.allowed_hosts = []\nembedded.enabled = false\n"
    )
    home.write_text('tests.run = true\nendpoint.allowed_hosts = ["api.example"]\n', encoding="utf-8")
    settings = check_loaded(policy)
    assert not settings.tests.run
    assert not settings.embedded.enabled
    assert settings.endpoint.allowed_hosts == ()


# What a repository can do.


def in_repository(folder: Path, text: str) -> tuple[Path, ...]:
    (folder / REPOSITORY_FILE).write_text(text, encoding="utf-8")
    return (folder,)


def test_a_repository_switches_off(tmp_path: Path, home: Path) -> None:
    home.write_text('hover = "always"\ncompletion.enabled = true\ntests.run = true\n', encoding="utf-8")
    text = 'hover = "off"\ncompletion.enabled = false\ncontext.enabled = false\ntests.run = false\n'
    settings = check_loaded(Policy(), folders=in_repository(tmp_path, text))
    assert (settings.hover, settings.completion.enabled) == ("off", False)
    assert (settings.context.enabled, settings.tests.run) == (False, False)


@pytest.mark.parametrize("text", ["completion.enabled = true\n", "context.enabled = true\n", 'hover = "on-demand"\n'])
def test_a_repository_switches_nothing_on(tmp_path: Path, home: Path, text: str) -> None:
    home.write_text('completion.enabled = false\ncontext.enabled = false\nhover = "off"\n', encoding="utf-8")
    settings = check_loaded(Policy(), "an opened folder can only make it", folders=in_repository(tmp_path, text))
    assert (settings.completion.enabled, settings.context.enabled, settings.hover) == (False, False, "off")


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else '"http://127.0.0.1:1/v1"'


@pytest.mark.parametrize("option", [one for one in options() if one.tightest is None], ids=lambda one: one.place)
def test_a_repository_sets_nothing_else(tmp_path: Path, option: Any) -> None:
    folders = in_repository(tmp_path, f"{option.place} = {_toml(option.default)}\n")
    settings, problems = load(folders=folders, policy=Policy())
    assert settings == Settings()
    assert len(problems) == 1
    assert f"setting {option.place} ({folders[0] / REPOSITORY_FILE}): a repository may only" in str(problems[0])


_TIGHTENING = {one.place: one for one in options() if one.tightest is not None}


@given(
    st.dictionaries(
        st.sampled_from(sorted(_TIGHTENING)),
        st.booleans()
        | st.sampled_from(["off", "always", "fix", "a"])
        | st.lists(st.sampled_from(["fix", "tests", "a"])),
    )
)
def test_nothing_in_a_repository_loosens(values: dict[str, Any]) -> None:
    user = Settings.model_validate(
        {
            "secrets": {"refused": ["u"]},
            "features": {"disabled": ["tests"]},
            "hover": "off",
            "context": {"enabled": False},
        }
    )
    policy = Policy("policy", user.model_dump(exclude_unset=True))
    # What an editor sends that may pass on a folder's settings is held to the same.
    settings, _ = load(values, policy=policy)
    assert {"u"} <= set(settings.secrets.refused)
    assert {"tests"} <= set(settings.features.disabled)
    assert (settings.hover, settings.context.enabled) == ("off", False)
    assert all(one.tightest in (MORE, False, "off") for one in _TIGHTENING.values())


def test_a_repositorys_file_can_be_anything(tmp_path: Path) -> None:
    path = tmp_path / REPOSITORY_FILE
    os.mkfifo(path)
    check_loaded(Policy(), "it cannot be read", folders=(tmp_path,))
    path.unlink()
    path.mkdir()
    check_loaded(Policy(), "it cannot be read", folders=(tmp_path,))
    path.rmdir()
    for content in (b"\xff\xfe", b"[", b"a = [" + b"[" * 50_000):
        path.write_bytes(content)
        check_loaded(Policy(), "it cannot be read", folders=(tmp_path,))


def test_an_editor_that_may_pass_on_a_folders_settings_names_no_endpoint() -> None:
    editor = {"endpoint": {"instant": {"url": "http://10.0.0.1/v1"}}, "completion": {"max_lines": 3}}
    settings, problems = load(editor, policy=Policy())
    assert settings.endpoint.instant.url is None
    assert settings.completion.max_lines == 3
    assert "endpoint.instant.url" in str(problems[0])


# The only places.


@pytest.mark.parametrize(
    ("entry", "scheme", "host", "port", "ip", "is_it"),
    [
        ("gpu.corp.example", "https", "gpu.corp.example", 443, "10.0.0.1", True),
        ("GPU.corp.example.", "https", "gpu.corp.example", 8443, "10.0.0.1", True),
        ("gpu.corp.example", "https", "evil-gpu.corp.example", 443, "10.0.0.1", False),
        ("corp.example", "https", "gpu.corp.example", 443, "10.0.0.1", False),
        ("10.20.0.0/16", "http", "10.20.3.4", 8000, "10.20.3.4", True),
        ("10.20.0.0/16", "http", "any.name", 8000, "10.20.3.4", True),
        ("10.20.0.0/16", "http", "10.21.0.1", 8000, "10.21.0.1", False),
        ("10.20.0.0/16", "https", "gpu", 443, "::ffff:10.20.0.1", True),
        ("fd00::/8", "https", "gpu", 443, "fd00::1%eth0", True),
        ("https://gpu.corp.example", "https", "gpu.corp.example", 443, "10.0.0.1", True),
        ("https://gpu.corp.example", "http", "gpu.corp.example", 443, "10.0.0.1", False),
        ("https://gpu.corp.example:8443", "https", "gpu.corp.example", 443, "10.0.0.1", False),
        ("https://[fd00::1]:8443", "https", "[fd00::1]", 8443, "fd00::1", True),
        ("https://gpu:99999", "https", "gpu", 443, "10.0.0.1", False),
    ],
)
def test_a_place_is_named(entry: str, scheme: str, host: str, port: int, ip: str, is_it: bool) -> None:
    assert is_named((entry,), scheme, host, port, ip) is is_it
    assert is_named(("nothing.example", entry), scheme, host, port, ip) is is_it


# In a real server, whose policy lies where nobody can move it.


def serving_under(policy: Path) -> tuple[str, ...]:
    """The command of a server that reads its policy at another place: such a server is a program of one's own."""
    code = (
        "import sys; from pathlib import Path; from lsp_server.server import InstantServer; "
        "from lsp_server.transport import serve; from lsp_server.policy import read_policy; "
        f"serve(InstantServer(lambda: read_policy(Path(sys.argv[1]), owner={OWNER})))"
    )
    return (sys.executable, "-P", "-c", code, str(policy))


async def test_only_what_the_policy_names_is_reached(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_policy(place, '[settings]\nendpoint.only = ["https://gpu.corp.example", "10.0.0.0/8"]\n')
    monkeypatch.setattr(wire, "SERVE", serving_under(place))
    async with ScriptedEndpoint() as endpoint, open_editor("vscode", tmp_path, url=endpoint.url) as editor:
        status = await editor.status("down")
        assert "endpoint.only" in status["message"]
        assert await editor.open("x =").ghost() is None
        await editor.logged("endpoint.only")
        assert endpoint.requests == []
        put(place, "[settings]\nendpoint.onli = []\n")
        editor.configure(None)
        status = await editor.status("off")
        assert "cannot be followed" in status["message"]
        assert status["features"] == []
        assert endpoint.requests == []


def with_machine_policy(etc: Path, text: str) -> tuple[str, ...]:
    """What runs a command where /etc is another folder, with this policy in it."""
    (etc / "instant-lsp").mkdir(parents=True)
    put(etc / "instant-lsp" / "policy.toml", text)
    for name in ("passwd", "hosts", "nsswitch.conf"):
        shutil.copy(Path("/etc") / name, etc / name)
    mount = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc && exec "$@"', str(etc))
    if subprocess.run([*mount, "true"], check=False, capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    return mount


@pytest.mark.skipif(OWNER != 0 or shutil.which("unshare") is None, reason="a file system of one's own needs root")
async def test_the_policy_of_the_machine_holds_for_the_real_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = with_machine_policy(tmp_path / "machine", '[settings]\nendpoint.only = ["gpu.corp.example"]\n')
    monkeypatch.setattr(wire, "SERVE", (*mount, *wire.SERVE))
    moving = {"XDG_CONFIG_DIRS": str(tmp_path), "INSTANT_LSP_ENDPOINT_ONLY": "127.0.0.1"}
    async with (
        ScriptedEndpoint() as endpoint,
        open_editor("neovim", tmp_path, url=endpoint.url, environment=moving) as editor,
    ):
        assert "endpoint.only" in (await editor.status("down"))["message"]
        await editor.logged("endpoint.only")
        assert endpoint.requests == []


async def test_a_repository_is_told_what_it_may_not_and_held_to_what_it_refuses(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    in_repository(folder, 'secrets.refused = ["private/**"]\nendpoint.instant.url = "http://10.9.9.9/v1"\n')
    async with (
        ScriptedEndpoint() as endpoint,
        open_editor("neovim", tmp_path, url=endpoint.url, folder=folder) as editor,
    ):
        assert "a repository may only" in (await editor.status("ready"))["message"]
        await editor.logged("a repository may only")
        await editor.complained("a repository may only")
        await editor.complained("a repository may only")
        assert await editor.open("x =", name="private/plan.py").ghost() is None
        assert "plan.py" in (await editor.status("off"))["message"]
        assert await editor.open("x =", name="public.py").ghost() == " a + b"
        await editor.status("ready")
        in_repository(folder, "completion.enabled = false\n")
        changed = {"uri": (folder / REPOSITORY_FILE).as_uri(), "type": 2}
        editor.notify("workspace/didChangeWatchedFiles", {"changes": [changed]})
        assert "a repository may only" not in (await editor.status("ready"))["message"]
        assert await editor.open("y =", name="other.py").ghost() is None


def test_the_example_in_the_documentation_is_a_policy(place: Path, tmp_path: Path) -> None:
    text = (Path(__file__).parents[1] / "docs" / "policy.md").read_text(encoding="utf-8")
    example, of_repository = (part.partition("```")[0] for part in text.split("```toml\n")[1:])
    policy = check_policy(place, example)
    settings = check_loaded(policy, folders=in_repository(tmp_path, of_repository))
    assert settings.audit.required
    assert set(settings.features.disabled) == {"tests"}
    assert set(settings.secrets.refused) == {"payments/**", "*.dmp", "contracts/**"}
    assert policy.grant({"realm_access": {"roles": ["contractor"]}}).features == {"completion"}
