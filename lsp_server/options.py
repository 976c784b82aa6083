"""The sections of the settings: owns every option, its default, its documentation and who may set it, not its sources.

An option of scope `user` may redirect traffic, run something or loosen a rule: no editor sets it, since an
editor may pass on what an opened repository asks for.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from lsp_server.provider_settings import ProviderSettings, read_providers

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
    allowed_http_hosts: tuple[str, ...] = _option(
        (), "Hosts other than this machine that may be sent code over http://, without TLS.", scope="user"
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
