"""What the model is shown for one completion: owns ContextWindow and how the token budget is spent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of another place that helps: `path` is where it stands, relative to the workspace."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class ContextWindow:
    """The text around the cursor that fits the budget, ready for any fill-in-the-middle layout.

    `prefix` ends where the model has to go on. One blank right before the cursor is kept back in
    `held_back`, since models trained on whole tokens answer junk after it; the answer must begin
    with it.
    """

    path: str
    language: str
    prefix: str
    suffix: str
    held_back: str = ""
    snippets: tuple[Snippet, ...] = ()
