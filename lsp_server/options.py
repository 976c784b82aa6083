"""The sections of the settings: owns every option, its default, its documentation and who may set it, not its sources.

An option of scope `user` may redirect traffic, run something or loosen a rule: no editor sets it. One of scope
`machine` is taken from what comes with `initialize`, and later from editors that say that no opened folder can set it;
one of scope `any` from every editor. What an opened repository may ask for is an option's `tightest` value alone, or
more of it where that is a list.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from lsp_server.provider_settings import ProviderSettings, read_providers

FimFormatName = Literal[
    "auto", "qwen", "starcoder", "codellama", "deepseek", "codestral", "codegemma", "granite", "seed-coder"
]


Offered = Literal["completion", "explain", "fix", "tests"]
"""What the server does for a developer by asking a model."""

Scope = Literal["any", "machine", "user"]
MORE = "more"
"""The tightest value of a list that every source may only make longer."""


def _option(default: Any, description: str, *, scope: Scope = "any", tightest: Any = None, **limits: Any) -> Any:
    """A field with its documentation, who may set it, and what even an opened repository may make of it."""
    extra: dict[str, Any] = {"scope": scope, "tightest": tightest}
    return Field(default, description=description, json_schema_extra=extra, **limits)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class ServedSettings(_Section):
    """Where one tier's model is served."""

    url: str | None = _option(None, "Base URL of the OpenAI-compatible endpoint, ending in /v1.", scope="machine")
    fallback_urls: tuple[str, ...] = _option(
        (),
        "Base URLs of the same service elsewhere, best first; asked while the ones before them fail.",
        scope="machine",
    )
    model: str | None = _option(
        None, "Name of the served model; the endpoint's first model when unset.", scope="machine"
    )
    token_env: str | None = _option(
        None, "Environment variable that holds the bearer token for this endpoint.", scope="user"
    )
    token_file: str | None = _option(
        None, "File that holds the bearer token, where token_env is unset; ~ is your home folder.", scope="user"
    )
    token_keyring: str | None = _option(
        None,
        "Entry of the system's key store that holds the bearer token, as service/user; needs the extra `keyring`.",
        scope="user",
    )
    token_command: tuple[str, ...] = _option(
        (),
        "Command and its arguments that print the bearer token; run without a shell, for 30 seconds at most.",
        scope="user",
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
        if url is not None and not _has_host(url):
            raise ValueError("must name a host, and a port below 65536 if any")
        return url.rstrip("/") if url else None

    @field_validator("fallback_urls")
    @classmethod
    def _have_http_schemes(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(url for one in urls if (url := cls._has_http_scheme(one)))


class TierSettings(ServedSettings):
    """The tier that is always on, which is asked for completions too."""

    mode: Literal["auto", "fim", "chat"] = _option(
        "auto",
        "How completions are asked for: fill-in-the-middle, chat, or found out by asking the endpoint.",
        scope="machine",
    )
    fim_format: FimFormatName = _option(
        "auto",
        "Fill-in-the-middle tokens of the model; auto asks the endpoint which of them it knows.",
        scope="machine",
    )


class ThinkingTierSettings(ServedSettings):
    """The stronger, slower tier, asked for words alone and only when the user wants it."""

    url: str | None = _option(
        None,
        "Base URL of the stronger, slower model's endpoint, ending in /v1; asked when thinking is toggled on.",
        scope="machine",
    )
    first_token_ms: int = _option(
        60_000, "Milliseconds to wait for the first token before giving up.", ge=50, le=600_000
    )
    total_ms: int = _option(180_000, "Milliseconds one answer may take in all.", ge=100, le=3_600_000)


class EndpointSettings(_Section):
    """The endpoints and what the guarded client may reach."""

    instant: TierSettings = TierSettings()
    thinking: ThinkingTierSettings = ThinkingTierSettings()
    only: tuple[str, ...] = _option(
        (),
        "Host names, networks (CIDR) and origins (https://host:port) of which alone an endpoint may be, besides the "
        "local engine; empty for all that the other rules allow.",
        scope="user",
    )
    allowed_networks: tuple[str, ...] = _option(
        (),
        "Networks (CIDR) that may be reached besides loopback and private addresses.",
        scope="user",
    )
    allowed_hosts: tuple[str, ...] = _option(
        (), "Host names that may be reached even when their address is public.", scope="user"
    )
    allowed_http_hosts: tuple[str, ...] = _option(
        (), "Hosts other than this machine that may be sent code over http://, without TLS.", scope="user"
    )
    ca_file: str | None = _option(
        None, "PEM file with the company's certificate authority, in addition to the system's.", scope="user"
    )
    cert_file: str | None = _option(
        None, "PEM file with the certificate by which endpoints know this machine or you (mutual TLS).", scope="user"
    )
    key_file: str | None = _option(
        None, "PEM file with cert_file's private key, unless it is in the same file; not encrypted.", scope="user"
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

    enabled: bool = _option(
        True, "Start the local engine when no endpoint is set and it is installed.", scope="machine"
    )
    model_path: str | None = _option(
        None, "GGUF file to serve instead of the one `instant-lsp engine fetch` brings.", scope="user"
    )
    mirror_url: str | None = _option(
        None, "Internal address of the model file, asked first by `instant-lsp engine fetch`.", scope="user"
    )
    threads: int = _option(
        0, "Threads of the engine; 0 means one less than the machine's cores.", scope="machine", ge=0, le=256
    )
    idle_minutes: int = _option(15, "Minutes without use after which the engine stops.", ge=1, le=1_440)
    budget_tokens: int = _option(
        400, "Prompt tokens per completion on the local engine, whose prompts are slow.", ge=64, le=16_384
    )
    first_token_ms: int = _option(30_000, "Milliseconds to wait for the local engine's first token.", ge=50, le=600_000)
    total_ms: int = _option(90_000, "Milliseconds one answer of the local engine may take.", ge=100, le=3_600_000)


class CompletionSettings(_Section):
    """Inline completion."""

    enabled: bool = _option(True, "Offer inline completions.", tightest=False)
    budget_tokens: int = _option(2_048, "Prompt tokens per completion.", ge=64, le=131_072)
    max_lines: int = _option(12, "Lines a completion may have at the most.", ge=1, le=200)
    max_tokens: int = _option(256, "Tokens a completion may have at the most.", ge=8, le=4_096)
    first_lines_ms: int = _option(
        300,
        "Milliseconds until the first whole lines of a completion are shown while the others still arrive; 600000 "
        "waits for all of it.",
        ge=0,
        le=600_000,
    )
    disabled_languages: tuple[str, ...] = _option((), "LSP language identifiers without completions.", tightest=MORE)
    as_items: Literal["auto", "on", "off"] = _option(
        "auto",
        "Offer completions as items of the completion menu too; auto does so where the editor has no inline "
        "completion. Read when the editor starts the server.",
    )


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


class TestsSettings(_Section):
    """Generated tests."""

    run: bool = _option(
        False,
        "Run generated tests with the project's own tool before they are offered: code that a model has written, with "
        "your rights, in a copy of the folder; never in a workspace that is not trusted.",
        scope="user",
        tightest=False,
    )
    run_ms: int = _option(60_000, "Milliseconds such a run may take.", scope="machine", ge=1_000, le=600_000)
    trusted_folders: tuple[str, ...] = _option(
        (),
        "Folders that are trusted, with all in them, where the editor does not say which it trusts; ~ is your home "
        "folder.",
        scope="user",
    )


class ContextSettings(_Section):
    """What the model is shown besides the text around the cursor."""

    enabled: bool = _option(
        True,
        "Index the workspace, and show the model the definitions and similar code that belong to the cursor.",
        tightest=False,
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


class FeatureSettings(_Section):
    """Which features there are at all."""

    disabled: tuple[Offered, ...] = _option(
        (), "Features that are switched off: completion, explain (with hovers), fix, tests.", tightest=MORE
    )


class AuditSettings(_Section):
    """The trail of what was sent and refused, which holds no text of a file."""

    enabled: bool = _option(True, "Keep an audit trail of every request.", scope="user")
    required: bool = _option(False, "Send nothing while the audit trail cannot be written.", scope="user")
    folder: str | None = _option(
        None, "Folder of the audit trail; in the user's own state folder when unset.", scope="user"
    )
    paths: Literal["hashed", "plain"] = _option(
        "hashed", "Whether files are named in the trail, or told apart by a hash with the user's own key.", scope="user"
    )
    fsync: Literal["always", "interval", "never"] = _option(
        "interval",
        "How often the trail is brought to the disk itself: with each batch, every 5 s, never.",
        scope="user",
    )
    max_file_mb: int = _option(
        16, "Megabytes after which the trail goes on in a new file.", scope="user", ge=1, le=1_024
    )
    max_file_days: int = _option(1, "Days after which the trail goes on in a new file.", scope="user", ge=1, le=366)


class SecretsSettings(_Section):
    """Files of which nothing is sent."""

    refused: tuple[str, ...] = _option(
        (), "Further file patterns (as in .gitignore) of which nothing is ever sent.", tightest=MORE
    )


class MetricsSettings(_Section):
    """What is counted and timed, on this machine alone; it holds no text and no path."""

    enabled: bool = _option(
        True, "Keep figures of what was asked, shown and accepted, for `instant-lsp report`.", tightest=False
    )
    retention_days: int = _option(30, "Days that figures are kept.", ge=1, le=3_650)
    textfile: str | None = _option(
        None, "File to write the counters to for Prometheus (textfile collector), ending in .prom.", scope="user"
    )


class LogSettings(_Section):
    """The server's own log, which never holds text of a file."""

    level: Literal["debug", "info", "warning", "error"] = _option(
        "warning", "Least severity that is logged.", scope="machine"
    )


class Settings(_Section):
    """All options of the language server."""

    endpoint: EndpointSettings = EndpointSettings()
    embedded: EmbeddedSettings = EmbeddedSettings()
    completion: CompletionSettings = CompletionSettings()
    hover: Literal["off", "on-demand", "always"] = _option(
        "on-demand",
        "Explain the name under the cursor in hovers, by the model: when the hover is asked again, or always.",
        tightest="off",
    )
    chat: ChatSettings = ChatSettings()
    tests: TestsSettings = TestsSettings()
    context: ContextSettings = ContextSettings()
    features: FeatureSettings = FeatureSettings()
    audit: AuditSettings = AuditSettings()
    secrets: SecretsSettings = SecretsSettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()


def _has_host(url: str) -> bool:
    """Whether a url names somebody; urlsplit raises where none can be told."""
    from urllib.parse import urlsplit  # noqa: PLC0415  only when a url is set

    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
