"""What a check has found: owns Finding and what is examined; looks at nothing itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lsp_server.options import Settings
from lsp_server.policy import Policy
from lsp_server.settings import Problem

State = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table: `found` is what is so, `todo` what to do about it. Neither holds a secret or code."""

    area: str
    check: str
    state: State
    found: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Plugin:
    """An editor's extension that asks, by its own word."""

    editor: str
    version: str


@dataclass(frozen=True, slots=True)
class Patient:
    """One user's settings on this machine, as they are for the opened folders."""

    settings: Settings
    problems: tuple[Problem, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    """Each option that is set, and the source that has the last word on it."""
    policy: Policy = field(default_factory=Policy)
    folders: tuple[Path, ...] = ()
    plugin: Plugin | None = None


def is_well(findings: Iterable[Finding]) -> bool:
    """Whether nothing has failed; a warning is something to know."""
    return all(finding.state != "failed" for finding in findings)


def split(message: str) -> tuple[str, str]:
    """What is so and what to do, out of a sentence that says both after a colon."""
    found, colon, todo = message.rstrip(".").rpartition(": ")
    if not colon or todo[:1].isupper():
        return message, ""
    return f"{found}.", f"{todo[:1].upper()}{todo[1:]}."
