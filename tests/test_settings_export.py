"""The options as editors and readers get them, compared with what the server takes."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest

from lsp_server.settings import load, options
from lsp_server.settings_export import add_parser, markdown_table, vimdoc, vscode_properties

MANIFEST = Path(__file__).parents[1] / "editors" / "vscode" / "package.json"


def check_settings_command(form: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What `instant-lsp settings --format FORM` prints."""
    parser = ArgumentParser()
    add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["settings", "--format", form])
    assert arguments.run(arguments) == 0
    return capsys.readouterr().out


def nested(place: str, value: object) -> dict[str, Any]:
    head, _, rest = place.partition(".")
    return {head: nested(rest, value) if rest else value}


def test_the_extension_offers_exactly_the_generated_options() -> None:
    declared = json.loads(MANIFEST.read_text(encoding="utf-8"))["contributes"]["configuration"]["properties"]
    declared.pop("instant.server.path")
    assert declared == vscode_properties(), "run `npm run settings` in editors/vscode"


@pytest.mark.parametrize("name", sorted(vscode_properties()))
def test_the_server_takes_every_offered_option_from_an_editor(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lsp_server.settings.user_file", lambda: Path("/nonexistent/settings.toml"))
    place = name.removeprefix("instant.")
    default = next(option.default for option in options() if option.place == place)
    _, problems = load(nested(place, default), is_users_alone=True)
    assert problems == []


@pytest.mark.parametrize("name", sorted(vscode_properties()))
def test_an_option_nobody_set_is_null_so_that_the_user_file_decides(name: str) -> None:
    offered = vscode_properties()[name]
    assert offered["default"] is None
    assert "null" in offered["type"]
    assert None in offered.get("enum", [None])


def test_what_an_editor_may_not_set_is_not_offered() -> None:
    hidden = {f"instant.{option.place}" for option in options() if option.scope == "user"}
    assert hidden
    assert hidden.isdisjoint(vscode_properties())


def test_an_opened_folder_sets_nothing_in_vs_code() -> None:
    assert {offered["scope"] for offered in vscode_properties().values()} == {"machine"}


def test_limits_and_choices_reach_the_settings_editor() -> None:
    offered = vscode_properties()
    assert offered["instant.completion.max_lines"] == {
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": 200,
        "default": None,
        "markdownDescription": "Lines a completion may have at the most. Default of the server: `12`.",
        "scope": "machine",
    }
    assert offered["instant.endpoint.instant.mode"]["enum"] == ["auto", "fim", "chat", None]
    assert offered["instant.completion.disabled_languages"]["items"] == {"type": "string"}


def test_every_option_is_in_the_table_and_in_the_help_file() -> None:
    table, help_text = markdown_table(), vimdoc()
    for option in options():
        assert f"| `{option.place}` |" in table
        assert f"*instant-{option.place}*" in help_text
    assert max(map(len, help_text.splitlines())) <= 78


def test_the_command_prints_the_form_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_settings_command("markdown", capsys) == markdown_table()
    assert check_settings_command("vimdoc", capsys) == vimdoc()
    assert json.loads(check_settings_command("vscode", capsys)) == vscode_properties()


def test_the_reference_for_readers_lists_what_the_server_takes() -> None:
    reference = MANIFEST.parents[2] / "docs" / "settings.md"
    assert markdown_table() in reference.read_text(encoding="utf-8"), "run `instant-lsp settings --format markdown`"
