"""Checks of the settings: owns what is said of their sources, of wrong ones and of the company's policy."""

from __future__ import annotations

from collections.abc import Iterator

from lsp_server.doctor.finding import Finding, Patient
from lsp_server.settings import user_file

AREA = "settings"


def findings(patient: Patient) -> Iterator[Finding]:
    """The sources, each wrong setting, the policy."""
    yield _sources(patient)
    for problem in patient.problems:
        message = f"{problem.place} ({problem.source}): {problem.message}; it is ignored."
        yield Finding(AREA, problem.place, "failed", message, "Correct it, or take it out.")
    yield _policy(patient)


def _sources(patient: Patient) -> Finding:
    """How many options each source has set; their values may be nobody's business."""
    by_source: dict[str, list[str]] = {}
    for place, source in patient.sources:
        by_source.setdefault(source, []).append(place)
    if not by_source:
        return Finding(AREA, "sources", "ok", f"All are defaults; your own file would be {user_file()}.")
    told = "; ".join(f"{source}: {', '.join(places)}" for source, places in by_source.items())
    return Finding(AREA, "sources", "ok", f"Set by {told}.")


def _policy(patient: Patient) -> Finding:
    policy = patient.policy
    if policy.trouble:
        return Finding(AREA, "policy", "failed", policy.trouble, "Ask who administers this machine.")
    if not policy.place:
        return Finding(AREA, "policy", "ok", "There is no policy of a company on this machine.")
    return Finding(AREA, "policy", "ok", f"The policy {policy.place} is followed.")
