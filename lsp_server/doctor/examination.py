"""The examination: owns the order of the checks and what is built for them alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from lsp_server.checkpoint import Checkpoint
from lsp_server.completion.counts import Counts
from lsp_server.doctor import connection, machine, model, sources
from lsp_server.doctor.finding import Finding, Patient, split
from lsp_server.endpoint import tokens
from lsp_server.endpoint.embedded import EmbeddedEngine
from lsp_server.endpoint.status import EndpointError
from lsp_server.ledger.audit import Audit
from lsp_server.ledger.trail import Trail
from lsp_server.options import ServedSettings
from lsp_server.session import Session


async def examine(patient: Patient, audit: Audit | None = None) -> AsyncIterator[Finding]:
    """Every finding as soon as it is there; `audit` is the server's own trail, if a server asks.

    What is sent for it is made up, goes the way of every request, and stands in the audit trail as a probe.
    """
    for finding in sources.findings(patient):
        yield finding
    async for finding in _tiers(patient):
        yield finding
    trail = Trail(lambda: None)
    try:
        if audit is None:
            await trail.configure(patient.settings.audit)
        async for finding in _model(patient, audit or trail.audit):
            yield finding
        for finding in await asyncio.to_thread(list, _machine(patient, audit or trail.audit)):
            yield finding
    finally:
        await trail.aclose()


async def _tiers(patient: Patient) -> AsyncIterator[Finding]:
    endpoint = patient.settings.endpoint
    tiers: list[tuple[str, ServedSettings]] = [("instant", endpoint.instant)]
    if connection.urls(endpoint.thinking):
        tiers.append(("thinking", endpoint.thinking))
    for name, tier in tiers:
        if not connection.urls(tier):
            yield await _local(patient)
            continue
        told, token = await connection.token(patient, name, tokens.source(tier))
        for url in connection.urls(tier):
            async for finding in connection.place(name, url, endpoint, token):
                yield finding
        yield told


async def _local(patient: Patient) -> Finding:
    """The local engine, which is started for it."""
    try:
        address = await EmbeddedEngine(patient.settings.embedded).address()
    except EndpointError as error:
        return Finding("instant", "local engine", "failed", *split(str(error)))
    return Finding("instant", "local engine", "ok", f"No url is set; {address.model} runs at {address.url}.")


async def _model(patient: Patient, audit: Audit | None) -> AsyncIterator[Finding]:
    settings = patient.settings
    session = Session(
        settings,
        lambda uri, offset: None,
        lambda status: None,
        Counts(),
        checkpoint=Checkpoint(settings, patient.policy, audit),
    )
    try:
        async for finding in model.findings(session):
            yield finding
    finally:
        await session.aclose()


def _machine(patient: Patient, audit: Audit | None) -> Iterator[Finding]:
    yield from machine.audit(patient.settings.audit, audit)
    yield from machine.folders(patient)
    yield from machine.plugins(patient)
