"""What a user says of one knowledge provider: owns ProviderSettings; knows neither where it is read from nor MCP."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Feature = Literal["completion", "explain", "fix", "tests"]


class ProviderSettings(BaseModel):
    """A server of the Model Context Protocol, by the command that starts it or by its url, and what it is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=40, pattern=r"^[\w .-]+$")
    command: str | None = None
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    """Names of environment variables that the command is given besides PATH, HOME and the like."""
    url: str | None = None
    token_env: str | None = None
    tool: str | None = None
    argument: str = "query"
    resources: tuple[str, ...] = ()
    deadline_ms: int = Field(2_000, ge=50, le=60_000)
    max_chars: int = Field(4_000, ge=100, le=32_000)
    features: tuple[Feature, ...] = ("completion", "explain", "fix", "tests")

    @model_validator(mode="after")
    def _says_whom_and_what(self) -> ProviderSettings:
        if (self.command is None) == (self.url is None):
            raise ValueError(f"provider {self.name} needs either a command or a url")
        if self.url is not None and not self.url.startswith(("http://", "https://")):
            raise ValueError(f"the url of provider {self.name} must start with http:// or https://")
        if self.tool is None and not self.resources:
            raise ValueError(f"provider {self.name} needs a tool that searches, or resources")
        return self


def read_providers(given: Any) -> Any:
    """The list as the settings have it; the environment has it as JSON."""
    providers = json.loads(given) if isinstance(given, str) else given
    if not isinstance(providers, list | tuple):
        raise ValueError("must be a list of providers")
    names = [one.get("name") for one in providers if isinstance(one, dict)]
    if len(set(map(str, names))) < len(names):
        raise ValueError("two providers have one name")
    return providers
