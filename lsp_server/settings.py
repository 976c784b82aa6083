"""Where settings come from: owns their sources, which goes before which, and what is told of a wrong one.

Sources, the later overriding the earlier: defaults, the user's TOML file, `INSTANT_LSP_...` in the
environment, the editor (`initializationOptions`, then `workspace/configuration` section `instant`).
An editor may pass on what an opened repository asks for, so options of scope `user` are taken from
the user's file and the environment alone. A wrong value never stops the server: it is reported as a
Problem with its place, and what the source below says is used.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_config_path
from pydantic import BaseModel, ValidationError

from lsp_server.options import Settings

ENVIRONMENT_PREFIX = "INSTANT_LSP_"


@dataclass(frozen=True, slots=True)
class Option:
    """One documented option: `place` is its dotted name, `scope` who may set it."""

    place: str
    annotation: Any
    default: Any
    description: str
    scope: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A setting that was not taken: where it stands and what is wrong with it."""

    place: str
    source: str
    message: str

    def __str__(self) -> str:
        return f"setting {self.place} ({self.source}): {self.message}; it is ignored"


def options(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[Option]:
    """Every option in the order of the code; the one source of help, documentation and editor manifests."""
    for name, field in model.model_fields.items():
        place = f"{prefix}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from options(field.annotation, f"{place}.")
        else:
            extra = field.json_schema_extra
            scope = str(extra["scope"]) if isinstance(extra, dict) else "any"
            yield Option(place, field.annotation, field.default, field.description or "", scope)


def user_file() -> Path:
    """The user's own settings file."""
    return user_config_path("instant-lsp", appauthor=False) / "settings.toml"


def load(editor: Mapping[str, Any] | None = None) -> tuple[Settings, list[Problem]]:
    """Settings from all sources; `editor` is the section as the editor sent it, already merged."""
    problems: list[Problem] = []
    given: dict[str, list[tuple[str, Any]]] = {}
    known = {option.place: option for option in options()}
    for source, values in (
        ("user", _read_user_file(user_file(), problems)),
        ("environment", _read_environment(os.environ, known)),
        ("editor", editor or {}),
    ):
        for place, value in _leaves(values):
            option = known.get(place)
            if option is None:
                problems.append(Problem(place, _name(source), f"there is no such option{_near(place, known)}"))
            elif source == "editor" and option.scope == "user":
                problems.append(Problem(place, _name(source), f"only {user_file()} or the environment may set it"))
            else:
                given.setdefault(place, []).append((source, value))
    return _validated(given, problems)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings, those of `above` first; null in `above` means not set there."""
    both = dict(below)
    for key, value in above.items():
        under = both.get(key)
        if isinstance(value, dict):
            both[key] = merged(under if isinstance(under, dict) else {}, value)
        elif value is not None:
            both[key] = value
    return both


def _validated(given: dict[str, list[tuple[str, Any]]], problems: list[Problem]) -> tuple[Settings, list[Problem]]:
    """Settings from each place's last value that is right: a wrong one does not hide the source below."""
    while True:
        merged: dict[str, Any] = {}
        for place, values in given.items():
            if values:
                _put(merged, place, values[-1][1])
        try:
            return Settings.model_validate(merged), problems
        except ValidationError as error:
            faults = error.errors(include_url=False, include_input=False)
            wrong = {next(p for p in _prefixes(fault["loc"]) if given.get(p)): fault["msg"] for fault in faults}
        for place, message in wrong.items():
            source, _ = given[place].pop()
            problems.append(Problem(place, _name(source), _plain(message)))


def _prefixes(loc: tuple[int | str, ...]) -> Iterator[str]:
    """The dotted places from the whole of a fault's location up to its root."""
    for n in range(len(loc), 0, -1):
        yield ".".join(str(part) for part in loc[:n])


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Input ")


def _name(source: str) -> str:
    return {"user": str(user_file()), "environment": "environment", "editor": "editor settings"}[source]


def _near(place: str, known: Mapping[str, Option]) -> str:
    import difflib  # noqa: PLC0415  only for a wrong name

    match = difflib.get_close_matches(place, known, n=1)
    return f"; did you mean {match[0]}?" if match else ""


def _read_user_file(path: Path, problems: list[Problem]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(Problem("file", str(path), str(error)))
        return {}


def _read_environment(environ: Mapping[str, str], known: Mapping[str, Option]) -> dict[str, Any]:
    """`INSTANT_LSP_ENDPOINT_INSTANT_URL` sets `endpoint.instant.url`; lists are separated by commas."""
    found: dict[str, Any] = {}
    for place, option in known.items():
        value = environ.get(ENVIRONMENT_PREFIX + place.replace(".", "_").upper())
        if value:
            is_list = option.annotation == tuple[str, ...]
            _put(found, place, [part.strip() for part in value.split(",")] if is_list else value)
    return found


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted places and values; null means not set, and dotted keys are taken as nested ones."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value


def _put(tree: dict[str, Any], place: str, value: Any) -> None:
    *sections, name = place.split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
    tree[name] = value
