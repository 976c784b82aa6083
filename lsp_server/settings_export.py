"""Writes the options down for editors and readers: owns the output forms, knows no option by name."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from textwrap import wrap
from typing import Any

from lsp_server.options import Settings
from lsp_server.settings import ENVIRONMENT_PREFIX, Option, options

_VIMDOC_WIDTH = 78


def vscode_properties() -> dict[str, dict[str, Any]]:
    """`contributes.configuration.properties` of the VS Code extension, by `instant.<place>`.

    Each option may be null, and is by default: an editor that sends a default would override the user's file.
    Options that no editor may set are left out, since setting them there would have no effect. No folder's own
    settings may change any: what a repository has to say stands in its own file, for every editor.
    """
    schema = Settings.model_json_schema()
    return {
        f"instant.{option.place}": {
            **_nullable(_option_schema(schema, option.place)),
            "default": None,
            "markdownDescription": f"{option.description} Default of the server: `{_default(option)}`.",
            "scope": "machine",
        }
        for option in options()
        if option.scope != "user"
    }


def markdown_table() -> str:
    """The settings reference as a table: one row per option."""
    rows = ["| option | default | environment | what it does |", "|---|---|---|---|"]
    for option in options():
        description = f"{option.description} {_USER_ONLY}" if option.scope == "user" else option.description
        cells = [f"`{option.place}`", f"`{_default(option)}`", f"`{_environment(option)}`", description]
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows) + "\n"


def vimdoc() -> str:
    """The settings chapter of the Neovim plugin's help file, each option with its tag."""
    return "\n".join(_vimdoc_entry(option) for option in options())


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `settings` to the command line; the chosen parser's `run` takes the arguments, returns the exit code."""
    parser = subparsers.add_parser("settings", help="print the reference of all settings")
    parser.add_argument("--format", choices=sorted(_FORMATS), default="markdown", help="form of the reference")
    parser.set_defaults(run=_run)


_USER_ONLY = "Only in the user's own file or the environment."


def _run(arguments: argparse.Namespace) -> int:
    sys.stdout.write(_FORMATS[arguments.format]())
    return 0


def _vscode_json() -> str:
    return json.dumps(vscode_properties(), indent=2, ensure_ascii=False) + "\n"


_FORMATS: dict[str, Callable[[], str]] = {"markdown": markdown_table, "vimdoc": vimdoc, "vscode": _vscode_json}


def _vimdoc_entry(option: Option) -> str:
    tag = f"*instant-{option.place}*"
    text = [option.description, _USER_ONLY] if option.scope == "user" else [option.description]
    body = wrap(" ".join(text), _VIMDOC_WIDTH - 4, break_long_words=False, break_on_hyphens=False)
    head = f"{option.place}{tag.rjust(_VIMDOC_WIDTH - len(option.place))}"
    return "\n".join([head, *(f"    {line}" for line in body), f"    Default: `{_default(option)}`", ""])


def _default(option: Option) -> str:
    """The default as TOML writes it; `unset` where there is none."""
    if option.default is None:
        return "unset"
    return json.dumps(list(option.default) if isinstance(option.default, tuple) else option.default)


def _environment(option: Option) -> str:
    return ENVIRONMENT_PREFIX + option.place.replace(".", "_").upper()


def _option_schema(schema: dict[str, Any], place: str) -> dict[str, Any]:
    """The JSON Schema of one option, by its place in the schema of all settings."""
    node = schema
    for name in place.split("."):
        reference = node.get("$ref", "").removeprefix("#/$defs/")
        node = (schema["$defs"][reference] if reference else node)["properties"][name]
    return node


def _nullable(node: dict[str, Any]) -> dict[str, Any]:
    """What VS Code's settings editor understands of a schema, with null added as a value."""
    kind = next((member for member in node.get("anyOf", []) if member["type"] != "null"), node)
    kept = {key: kind[key] for key in ("minimum", "maximum", "items") if key in kind}
    if "enum" in kind:
        kept["enum"] = [*kind["enum"], None]
    return {"type": [kind["type"], "null"], **kept}
