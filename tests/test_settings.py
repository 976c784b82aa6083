"""Where settings come from, which of them wins, and what becomes of wrong ones."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.options import Settings
from lsp_server.settings import load, options


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's own settings; nothing of this machine's gets in."""
    for name in os.environ:
        if name.startswith("INSTANT_LSP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "instant-lsp").mkdir()
    return tmp_path / "instant-lsp" / "settings.toml"


def check_settings(editor: Mapping[str, Any] | None = None, *problems: str) -> Settings:
    """The settings; the problems have to be as many as given, each naming its part."""
    settings, found = load(editor, is_users_alone=True)
    assert len(found) == len(problems), [str(problem) for problem in found]
    for problem, part in zip(found, problems, strict=True):
        assert part in str(problem)
    return settings


def at(settings: Settings, place: str) -> Any:
    value: Any = settings
    for name in place.split("."):
        value = getattr(value, name)
    return value


def test_nothing_set_is_the_defaults() -> None:
    assert check_settings() == Settings()
    assert check_settings({}) == Settings()


def test_what_the_user_says_goes_before_what_an_editor_sends(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write_text("[completion]\nmax_tokens = 22\nbudget_tokens = 222\n", encoding="utf-8")
    monkeypatch.setenv("INSTANT_LSP_COMPLETION_BUDGET_TOKENS", "333")
    editor = {"completion": {"max_lines": 1, "max_tokens": 11, "budget_tokens": 111}}
    completion = check_settings(editor).completion
    assert (completion.max_lines, completion.max_tokens, completion.budget_tokens) == (1, 22, 333)


def test_a_wrong_value_does_not_hide_the_right_one_below(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write_text('endpoint.instant.url = "gpu"\ncompletion.max_lines = 0\n', encoding="utf-8")
    monkeypatch.setenv("INSTANT_LSP_COMPLETION_MAX_LINES", "many")
    editor = {"endpoint": {"instant": {"url": "http://gpu.internal/v1"}}, "completion": {"max_lines": 3}}
    settings = check_settings(editor, "url", "max_lines", "max_lines")
    assert (settings.endpoint.instant.url, settings.completion.max_lines) == ("http://gpu.internal/v1", 3)


def test_null_of_an_editor_leaves_what_the_user_has_set(home: Path) -> None:
    home.write_text('endpoint.instant.url = "http://gpu.internal/v1"\n', encoding="utf-8")
    unset = {"endpoint": {"instant": {"url": None, "model": None}}, "completion": None, "hover": None}
    assert check_settings(unset).endpoint.instant.url == "http://gpu.internal/v1"


def test_dotted_names_of_an_editor_are_nested_ones() -> None:
    assert check_settings({"completion.max_lines": 3, "endpoint": {"instant.model": "m"}}).completion.max_lines == 3


@pytest.mark.parametrize(
    ("place", "text", "value"),
    [
        ("endpoint.instant.url", "http://localhost:8000/v1/", "http://localhost:8000/v1"),
        ("endpoint.instant.token_env", "GPU_TOKEN", "GPU_TOKEN"),
        ("endpoint.thinking.model", "qwen", "qwen"),
        ("endpoint.allowed_hosts", "a.example, b.example", ("a.example", "b.example")),
        ("endpoint.allowed_networks", "203.0.113.0/24,2001:db8::/32", ("203.0.113.0/24", "2001:db8::/32")),
        ("completion.budget_tokens", "512", 512),
        ("completion.enabled", "false", False),
        ("completion.disabled_languages", "markdown", ("markdown",)),
        ("log.level", "debug", "debug"),
        ("completion.max_lines", "", 12),
    ],
)
def test_the_environment(place: str, text: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTANT_LSP_" + place.replace(".", "_").upper(), text)
    assert at(check_settings(), place) == value


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("completion.max_lines", "many"),
        ("completion.max_lines", 0),
        ("completion.max_lines", [1]),
        ("completion.enabled", "perhaps"),
        ("completion.disabled_languages", "python"),
        ("completion.disabled_languages", ["python", 1]),
        ("endpoint.instant.url", "gpu.internal:8000"),
        ("endpoint.instant.url", "http://"),
        ("endpoint.instant.url", "http://[::1/v1"),
        ("endpoint.instant.url", "http://gpu.internal:80000/v1"),
        ("endpoint.instant.url", 5),
        ("endpoint.instant.fim_format", "quen"),
        ("hover", True),
        ("log.level", "loud"),
    ],
)
def test_a_wrong_value_is_named_and_the_others_are_used(place: str, wrong: Any) -> None:
    settings = check_settings({place: wrong, "completion.max_tokens": 33}, f"setting {place} (editor settings): ")
    assert at(settings, place) == at(Settings(), place)
    assert settings.completion.max_tokens == 33


@pytest.mark.parametrize(
    ("variable", "text"),
    [("ENDPOINT_ALLOWED_NETWORKS", "10.0.0.0/8, banana"), ("COMPLETION_MAX_TOKENS", "1e99"), ("HOVER", "ALWAYS")],
)
def test_a_wrong_variable_is_named(variable: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"INSTANT_LSP_{variable}", text)
    assert check_settings(None, "(environment): ") == Settings()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("completion.max_line", "completion.max_lines"),
        ("endpoint.instant.ulr", "endpoint.instant.url"),
        ("hovr", "hover"),
    ],
)
def test_an_unknown_option_suggests_the_near_one(name: str, near: str) -> None:
    check_settings({name: 1}, f"setting {name} (editor settings): there is no such option; did you mean {near}?")


@pytest.mark.parametrize(
    ("editor", "part"),
    [
        ({"endpoint": 5}, "setting endpoint (editor settings)"),
        ({"endpoint": {"instant": "http://localhost/v1"}}, "setting endpoint.instant (editor settings)"),
        ({"hover": {"on": True}}, "setting hover.on (editor settings)"),
        ({"completion": {"max_lines": {"python": 3}}}, "setting completion.max_lines.python (editor settings)"),
    ],
    ids=str,
)
def test_a_table_and_a_value_in_each_others_place(editor: dict[str, Any], part: str) -> None:
    assert check_settings(editor, part) == Settings()


def test_what_the_user_alone_may_set_is_refused_from_an_editor(home: Path) -> None:
    kept = [option for option in options() if option.scope == "user" and option.tightest is None]
    assert {"endpoint.allowed_hosts", "endpoint.instant.token_env"} <= {option.place for option in kept}
    for option in kept:
        settings = check_settings({option.place: "x"}, f"setting {option.place} (editor settings): only {home}")
        assert settings == Settings()
    home.write_text('endpoint.allowed_hosts = ["api.example"]\n', encoding="utf-8")
    assert check_settings().endpoint.allowed_hosts == ("api.example",)


@pytest.mark.parametrize("content", [b"completion = [", b"\xff\xfe", b'a = "\n'], ids=["toml", "utf-8", "string"])
def test_a_file_that_cannot_be_read_is_named(home: Path, content: bytes) -> None:
    home.write_bytes(content)
    assert check_settings({"completion.max_lines": 3}, str(home)).completion.max_lines == 3


def test_a_folder_in_place_of_the_file_is_named(home: Path) -> None:
    home.mkdir()
    assert check_settings(None, str(home)) == Settings()


def test_the_users_file_names_its_own_place(home: Path) -> None:
    home.write_text('[completion]\nmax_lines = "many"\n', encoding="utf-8")
    check_settings(None, f"setting completion.max_lines ({home}): ")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_PLACES = [option.place for option in options()]
_NAMES = sorted({".".join(place.split(".")[: n + 1]) for place in _PLACES for n in range(place.count(".") + 1)})


def _nested(values: dict[str, Any]) -> dict[str, Any]:
    """Dotted names as tables, as far as what is there already is one."""
    tree: dict[str, Any] = {}
    for place, value in values.items():
        *sections, name = place.split(".")
        table = tree
        for section in sections:
            below = table.get(section)
            table[section] = table = below if isinstance(below, dict) else {}
        table[name] = value
    return tree


@given(st.dictionaries(st.sampled_from(_NAMES) | st.text(max_size=12), _JSON, max_size=6), st.booleans())
def test_no_settings_of_an_editor_stop_the_server(values: dict[str, Any], is_nested: bool) -> None:
    settings, problems = load(_nested(values) if is_nested else values)
    assert Settings.model_validate(settings.model_dump()) == settings
    for problem in problems:
        assert problem.message
        assert str(problem).startswith("setting ")
