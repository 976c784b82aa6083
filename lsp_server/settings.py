"""Where settings come from: owns their sources, which goes before which, and what is told of a wrong one.

From the last word to the first: the company's policy, the environment (`INSTANT_LSP_...`), the user's TOML file, the
editor's section `instant` (`workspace/configuration`), its `initializationOptions`, defaults. A file of an opened
repository can only tighten, whatever stands elsewhere, and so does what an editor sends that may pass on an opened
folder's settings. A wrong value never stops the server: it is reported as a Problem with its place, and what the next
source says is used.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from platformdirs import user_config_path
from pydantic import BaseModel, TypeAdapter, ValidationError

from lsp_server.options import MORE, Offered, Scope, Settings
from lsp_server.policy import Policy, read_policy

ENVIRONMENT_PREFIX = "INSTANT_LSP_"

REPOSITORY_FILE = ".instant-lsp.toml"
"""What a repository says of itself, at the root of an opened folder."""

_MAX_REPOSITORY_BYTES = 64 << 10
_SCOPES: tuple[Scope, ...] = ("any", "machine", "user")


@dataclass(frozen=True, slots=True)
class Option:
    """One documented option: `place` is its dotted name, `scope` who may set it, `tightest` see options."""

    place: str
    annotation: Any
    default: Any
    description: str
    scope: Scope
    tightest: Any = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A setting that was not taken: where it stands and what is wrong with it."""

    place: str
    source: str
    message: str

    def __str__(self) -> str:
        return f"setting {self.place} ({self.source}): {self.message}; it is ignored"


@dataclass(frozen=True, slots=True)
class _Source:
    """Values by their places, and which options they may set; one that sets none can still tighten."""

    name: str
    values: Mapping[str, Any]
    scopes: tuple[Scope, ...] = _SCOPES
    is_trusted: bool = True

    def may_set(self, option: Option) -> bool:
        return option.scope in self.scopes and (self.is_trusted or option.tightest is None)


def options(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[Option]:
    """Every option in the order of the code; the one source of help, documentation and editor manifests."""
    for name, field in model.model_fields.items():
        place = f"{prefix}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from options(field.annotation, f"{place}.")
        else:
            extra: Any = field.json_schema_extra or {}
            description = field.description or ""
            yield Option(
                place, field.annotation, field.default, description, extra.get("scope", "any"), extra.get("tightest")
            )


def user_file() -> Path:
    """The user's own settings file."""
    return user_config_path("instant-lsp", appauthor=False) / "settings.toml"


def load(
    editor: Mapping[str, Any] | None = None,
    *,
    start: Mapping[str, Any] | None = None,
    is_users_alone: bool = False,
    folders: Iterable[Path] = (),
    policy: Policy | None = None,
) -> tuple[Settings, list[Problem]]:
    """Settings from all sources: `editor` is the section as the editor sent it, `start` came with `initialize`.

    `is_users_alone` says that no opened folder can have set anything in the section. The options of the start are
    taken as the user's: an editor that lets a folder set them lets it name the program that is started as well.
    `folders` are those that are opened.
    """
    settings, problems, _ = load_with_origins(
        editor, start=start, is_users_alone=is_users_alone, folders=folders, policy=policy
    )
    return settings, problems


def load_with_origins(
    editor: Mapping[str, Any] | None = None,
    *,
    start: Mapping[str, Any] | None = None,
    is_users_alone: bool = False,
    folders: Iterable[Path] = (),
    policy: Policy | None = None,
) -> tuple[Settings, list[Problem], dict[str, str]]:
    """As `load`, with the source that has the last word on each option that is set."""
    policy = policy if policy is not None else read_policy()
    problems: list[Problem] = []
    known = {option.place: option for option in options()}
    of_editor: tuple[Scope, ...] = ("any", "machine") if is_users_alone else ("any",)
    sources = [
        *(_of_repository(folder / REPOSITORY_FILE, problems) for folder in folders),
        _Source("initializationOptions", start or {}, ("any", "machine")),
        _Source("editor settings", editor or {}, of_editor, is_trusted=is_users_alone),
        _Source(str(user_file()), _read_user_file(user_file(), problems)),
        _Source("environment", _read_environment(os.environ, known)),
        _Source(policy.place, policy.settings),
    ]
    given = _given(sources, known, problems)
    settings, problems = _validated(given, problems)
    origins = {place: values[-1][0] for place, values in given.items() if values}
    return (_sealed(settings) if policy.trouble else settings), problems, origins


_Given = dict[str, list[tuple[str, Any]]]
"""By place: names of sources and their values, the last of which counts."""


def _given(sources: list[_Source], known: Mapping[str, Option], problems: list[Problem]) -> _Given:
    """What each source sets and may set; after all of them what tightens it."""
    given: _Given = {}
    tightening: list[tuple[Option, str, Any]] = []
    for source in sources:
        for place, value in _leaves(source.values):
            option = known.get(place)
            if option is None:
                problems.append(Problem(place, source.name, f"there is no such option{_near(place, known)}"))
            elif option.tightest != MORE and source.may_set(option):
                given.setdefault(place, []).append((source.name, value))
            elif option.tightest is not None:
                tightening.append((option, source.name, value))
            else:
                problems.append(Problem(place, source.name, _why_not(source)))
    for option, name, value in tightening:
        if message := _tighten(given.setdefault(option.place, []), option, value, name):
            problems.append(Problem(option.place, name, message))
    return given


def _tighten(values: list[tuple[str, Any]], option: Option, value: Any, name: str) -> str:
    """Makes a list longer, or anything else what is tightest; what is wrong with the value, if anything is."""
    kind = TypeAdapter(option.annotation)
    before = values[-1][1] if values else option.default
    try:
        value = kind.validate_python(value)
        before = kind.validate_python(before)
    except ValidationError as error:
        return _plain(error.errors(include_url=False, include_input=False)[0]["msg"])
    if option.tightest == MORE:
        values.append((name, list(dict.fromkeys([*before, *value]))))
    elif value == option.tightest:
        values.append((name, value))
    elif value != before:
        return f"an opened folder can only make it {str(option.tightest).lower()}"
    return ""


def _why_not(source: _Source) -> str:
    if not source.scopes:
        return f"a repository may only refuse and switch off; {user_file()} may set it"
    return f"only {user_file()} or the environment may set it"


def _validated(given: _Given, problems: list[Problem]) -> tuple[Settings, list[Problem]]:
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
            problems.append(Problem(place, source, _plain(message)))


def _sealed(settings: Settings) -> Settings:
    """The settings without any way out, for a policy that is there and cannot be followed."""
    endpoint = settings.endpoint
    unset = {
        "instant": endpoint.instant.model_copy(update={"url": None, "fallback_urls": ()}),
        "thinking": endpoint.thinking.model_copy(update={"url": None, "fallback_urls": ()}),
    }
    return settings.model_copy(
        update={
            "endpoint": endpoint.model_copy(update=unset),
            "embedded": settings.embedded.model_copy(update={"enabled": False}),
            "context": settings.context.model_copy(update={"providers": ()}),
            "features": settings.features.model_copy(update={"disabled": get_args(Offered)}),
        }
    )


def _prefixes(loc: tuple[int | str, ...]) -> Iterator[str]:
    """The dotted places from the whole of a fault's location up to its root."""
    for n in range(len(loc), 0, -1):
        yield ".".join(str(part) for part in loc[:n])


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Input ")


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


def _of_repository(path: Path, problems: list[Problem]) -> _Source:
    """What the opened folder asks for. Its file may be anything: what is no small file of text is not read."""
    values: dict[str, Any] = {}
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError("it is no file")
            values = tomllib.loads(file.read(_MAX_REPOSITORY_BYTES).decode("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError, RecursionError) as error:
        # Its words are not passed on: they may quote the file.
        problems.append(Problem("file", str(path), f"it cannot be read ({type(error).__name__})"))
    return _Source(str(path), values, (), is_trusted=False)


def _read_environment(environ: Mapping[str, str], known: Mapping[str, Option]) -> dict[str, Any]:
    """`INSTANT_LSP_ENDPOINT_INSTANT_URL` sets `endpoint.instant.url`; lists are separated by commas."""
    found: dict[str, Any] = {}
    for place, option in known.items():
        value = environ.get(ENVIRONMENT_PREFIX + place.replace(".", "_").upper())
        if value:
            is_list = _is_list_of_words(option.annotation)
            _put(found, place, [part.strip() for part in value.split(",")] if is_list else value)
    return found


def _is_list_of_words(annotation: Any) -> bool:
    if get_origin(annotation) is not tuple:
        return False
    element = get_args(annotation)[0]
    return element is str or get_origin(element) is Literal


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
