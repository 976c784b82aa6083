"""The doctor for editors: owns the command that examines this server's settings and folders; knows no check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lsp_server.doctor.finding import Plugin
    from lsp_server.server import InstantServer

DOCTOR = "instant.doctor"
"""Command with at most one argument, an object with `editor` and its plugin's `version`; answers with what was found,
`text` being the whole of it as Markdown."""


async def doctor(ls: InstantServer, *arguments: Any) -> dict[str, Any]:
    """What `instant-lsp doctor` finds, for the settings as the editor has them."""
    from lsp_server.doctor import Patient, page  # noqa: PLC0415  off the start-up path, as all of it
    from lsp_server.doctor.examination import examine  # noqa: PLC0415

    patient = Patient(
        ls.settings,
        tuple(ls.problems),
        tuple(sorted(ls.origins.items())),
        ls.policy,
        tuple(ls.folders.paths()),
        _plugin(ls, *arguments),
    )
    findings = [finding async for finding in examine(patient, ls.trail.audit)]
    return {**page.plain(findings), "text": page.markdown(findings)}


def _plugin(ls: InstantServer, *arguments: Any) -> Plugin | None:
    from lsp_server.doctor import Plugin  # noqa: PLC0415

    given = ls.protocol._converter.unstructure(arguments[0]) if len(arguments) == 1 else None
    if not isinstance(given, Mapping):
        return None
    editor, version = given.get("editor"), given.get("version")
    if not (isinstance(editor, str) and isinstance(version, str)):
        return None
    return Plugin(editor[:40], version[:40])
