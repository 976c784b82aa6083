"""One frozen Settings: owns every option, its default, its documentation and where it may be set.

Sources, the later overriding the earlier: defaults, the user's TOML file, `INSTANT_LSP_...` in the
environment, the editor (`initializationOptions`, then `workspace/configuration` section `instant`).
An editor may pass on what an opened repository asks for, so options of scope `user` are taken from
the user's file and the environment alone. A wrong value never stops the server: it is reported as a
Problem with its place, and what the source below says is used.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_config_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from lsp_server.provider_settings import ProviderSettings, read_providers

ENVIRONMENT_PREFIX = "INSTANT_LSP_"

FimFormatName = Literal[
    "auto", "qwen", "starcoder", "codellama", "deepseek", "codestral", "codegemma", "granite", "seed-coder"
]


def _option(default: Any, description: str, *, scope: Literal["any", "user"] = "any", **limits: Any) -> Any:
    """A field with its documentation; `scope="user"` keeps editors, and so repositories, from setting it."""
    return Field(default, description=description, json_schema_extra={"scope": scope}, **limits)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class TierSettings(_Section):
    """Where one tier's model is served."""

    url: str | None = _option(None, "Base URL of the OpenAI-compatible endpoint, ending in /v1.")
    model: str | None = _option(None, "Name of the served model; the endpoint's first model when unset.")
    token_env: str | None = _option(
        None, "Environment variable that holds the bearer token for this endpoint.", scope="user"
    )
    mode: Literal["auto", "fim", "chat"] = _option(
        "auto", "How completions are asked for: fill-in-the-middle, chat, or found out by asking the endpoint."
    )
    fim_format: FimFormatName = _option(
        "auto", "Fill-in-the-middle tokens of the model; auto asks the endpoint which of them it knows."
    )
    first_token_ms: int = _option(
        2_000, "Milliseconds to wait for the first token before giving up.", ge=50, le=600_000
    )
    total_ms: int = _option(10_000, "Milliseconds one answer may take in all.", ge=100, le=3_600_000)

    @field_validator("url")
    @classmethod
    def _has_http_scheme(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return url.rstrip("/") if url else None


class ThinkingTierSettings(TierSettings):
    """The stronger, slower tier, asked only when the user wants it."""

    url: str | None = _option(
        None, "Base URL of the stronger, slower model's endpoint, ending in /v1; asked when thinking is toggled on."
    )
    first_token_ms: int = _option(
        60_000, "Milliseconds to wait for the first token before giving up.", ge=50, le=600_000
    )
    total_ms: int = _option(180_000, "Milliseconds one answer may take in all.", ge=100, le=3_600_000)


class EndpointSettings(_Section):
    """The endpoints and what the guarded client may reach."""

    instant: TierSettings = TierSettings()
    thinking: ThinkingTierSettings = ThinkingTierSettings()
    allowed_networks: tuple[str, ...] = _option(
        (),
        "Networks (CIDR) that may be reached besides loopback and private addresses.",
        scope="user",
    )
    allowed_hosts: tuple[str, ...] = _option(
        (), "Host names that may be reached even when their address is public.", scope="user"
    )
    ca_file: str | None = _option(
        None, "PEM file with the company's certificate authority, in addition to the system's.", scope="user"
    )

    @field_validator("allowed_networks")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        import ipaddress  # noqa: PLC0415  only when the option is set

        for network in networks:
            ipaddress.ip_network(network)
        return networks


class EmbeddedSettings(_Section):
    """The small local engine that serves when no endpoint is set."""

    enabled: bool = _option(True, "Start the local engine when no endpoint is set and it is installed.")
    model_path: str | None = _option(
        None, "GGUF file to serve instead of the one `instant-lsp engine fetch` brings.", scope="user"
    )
    mirror_url: str | None = _option(
        None, "Internal address of the model file, asked first by `instant-lsp engine fetch`.", scope="user"
    )
    threads: int = _option(0, "Threads of the engine; 0 means one less than the machine's cores.", ge=0, le=256)
    idle_minutes: int = _option(15, "Minutes without use after which the engine stops.", ge=1, le=1_440)
    budget_tokens: int = _option(
        400, "Prompt tokens per completion on the local engine, whose prompts are slow.", ge=64, le=16_384
    )
    first_token_ms: int = _option(30_000, "Milliseconds to wait for the local engine's first token.", ge=50, le=600_000)
    total_ms: int = _option(90_000, "Milliseconds one answer of the local engine may take.", ge=100, le=3_600_000)


class CompletionSettings(_Section):
    """Inline completion."""

    enabled: bool = _option(True, "Offer inline completions.")
    budget_tokens: int = _option(2_048, "Prompt tokens per completion.", ge=64, le=131_072)
    max_lines: int = _option(12, "Lines a completion may have at the most.", ge=1, le=200)
    max_tokens: int = _option(256, "Tokens a completion may have at the most.", ge=8, le=4_096)
    disabled_languages: tuple[str, ...] = _option((), "LSP language identifiers without completions.")


class InstantChatSettings(_Section):
    """How the instant tier answers in words: explanations, fixes, tests."""

    max_tokens: int = _option(2_048, "Tokens an answer may have at the most.", ge=16, le=131_072)
    temperature: float = _option(0.7, "Sampling temperature.", ge=0, le=2)
    top_p: float = _option(0.9, "Nucleus sampling: share of probability that tokens are chosen from.", gt=0, le=1)
    first_token_ms: int = _option(
        10_000, "Milliseconds to wait for an answer's first token; longer than for a completion.", ge=50, le=600_000
    )
    total_ms: int = _option(60_000, "Milliseconds one answer may take in all.", ge=100, le=3_600_000)


class ThinkingChatSettings(_Section):
    """How the thinking tier answers; its deadlines are those of endpoint.thinking."""

    max_tokens: int = _option(4_096, "Tokens an answer may have at the most, thoughts included.", ge=16, le=131_072)
    temperature: float = _option(0.5, "Sampling temperature.", ge=0, le=2)
    top_p: float = _option(0.9, "Nucleus sampling: share of probability that tokens are chosen from.", gt=0, le=1)


class ChatSettings(_Section):
    """Explanations, fixes and tests."""

    instant: InstantChatSettings = InstantChatSettings()
    thinking: ThinkingChatSettings = ThinkingChatSettings()
    tools: tuple[dict[str, Any], ...] = _option(
        (),
        "Tools (OpenAI's form) offered to the model; calls are answered by the configured MCP server alone.",
        scope="user",
    )
    guidelines: str | None = _option(
        None,
        "File with guidelines for the model, relative to the workspace's folder and within it; read besides "
        "AGENTS.md, CONTRIBUTING.md and .editorconfig.",
    )

    @field_validator("tools", mode="before")
    @classmethod
    def _are_tools(cls, tools: Any) -> Any:
        """The environment has them as JSON."""
        if isinstance(tools, str):
            tools = json.loads(tools)
        if not isinstance(tools, list | tuple):
            raise ValueError("must be a list of tools")
        if not all(isinstance(tool, dict) and isinstance(tool.get("function"), dict) for tool in tools):
            raise ValueError('each must be as {"type": "function", "function": {"name": ..., "parameters": ...}}')
        return tools


class ContextSettings(_Section):
    """What the model is shown besides the text around the cursor."""

    enabled: bool = _option(
        True, "Index the workspace, and show the model the definitions and similar code that belong to the cursor."
    )
    roots: tuple[str, ...] = _option(
        (), "Further folders, such as other internal repositories, that are indexed and read as well.", scope="user"
    )
    providers: tuple[ProviderSettings, ...] = _option(
        (),
        "Servers of the Model Context Protocol that are asked what the company knows of the names at the cursor; "
        "see docs/knowledge.md.",
        scope="user",
    )

    _are_providers = field_validator("providers", mode="before")(read_providers)


class SecretsSettings(_Section):
    """Files of which nothing is sent."""

    refused: tuple[str, ...] = _option((), "Further file patterns (as in .gitignore) of which nothing is ever sent.")


class LogSettings(_Section):
    """The server's own log, which never holds text of a file."""

    level: Literal["debug", "info", "warning", "error"] = _option("warning", "Least severity that is logged.")


class Settings(_Section):
    """All options of the language server."""

    endpoint: EndpointSettings = EndpointSettings()
    embedded: EmbeddedSettings = EmbeddedSettings()
    completion: CompletionSettings = CompletionSettings()
    hover: Literal["off", "on-demand", "always"] = _option(
        "on-demand",
        "Explain the name under the cursor in hovers, by the model: when the hover is asked again, or always.",
    )
    chat: ChatSettings = ChatSettings()
    context: ContextSettings = ContextSettings()
    secrets: SecretsSettings = SecretsSettings()
    log: LogSettings = LogSettings()


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
