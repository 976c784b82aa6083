"""What a completion would send, for people to see: owns the parts of a prompt and why each is there; decides nothing.

The prompt is the one that leaves the machine, secrets taken out; a part tells its place and its cost but no text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from context import ContextWindow, Snapshot, Snippet, build_window
from context.nearby import look_nearby
from context.outline import Outline
from context.tokens import n_tokens

if TYPE_CHECKING:
    from lsp_server.session import Session

_DEFINES = re.compile(
    r"\b(?:def|class|func|fn|function|interface|type|struct|enum|trait|module|message|service|table|const|let|var)"
    r"\s+(?:\([^)]*\)\s*)?([^\W\d][\w$]*)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d][\w$]*")


@dataclass(frozen=True, slots=True)
class Part:
    """One stretch of the prompt, `first_line` to `last_line` of a file, from 1 on; `n_tokens` is an estimate."""

    kind: Literal["snippet", "outline", "prefix", "suffix"]
    path: str
    first_line: int
    last_line: int
    n_tokens: int
    why: str


@dataclass(frozen=True, slots=True)
class Shown:
    """The prompt of one place; "" as long as the endpoint, whose form it has, is not known."""

    path: str
    line: int
    model: str
    budget_tokens: int
    n_tokens: int
    parts: tuple[Part, ...]
    prompt: str

    def markdown(self) -> str:
        """The same for an editor to show."""
        rows = [
            f"| `{part.path}:{part.first_line}-{part.last_line}` | {part.kind} | {part.n_tokens} | {part.why} |"
            for part in self.parts
        ]
        fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", self.prompt)), default=0))
        return "\n".join(
            (
                f"# What is sent for {self.path}:{self.line}",
                "",
                f"{self.n_tokens} of {self.budget_tokens} tokens, {self.model or 'no model yet'}",
                "",
                "| lines | part | tokens | why |",
                "|---|---|---|---|",
                *rows,
                "",
                fence,
                self.prompt,
                fence,
                "",
            )
        )


def show(
    session: Session, snapshot: Snapshot, offset: int, outline: Outline | None, snippets: Sequence[Snippet]
) -> Shown:
    """What a completion at `offset` would send now."""
    budget = session.limits().budget
    window = build_window(snapshot, offset, budget, outline=outline, snippets=snippets)
    parts = tuple(_parts(snapshot, offset, window, snippets, budget.rate))
    return Shown(
        path=snapshot.path,
        line=snapshot.text.count("\n", 0, offset) + 1,
        model=session.endpoint.status.model,
        budget_tokens=budget.tokens,
        n_tokens=sum(part.n_tokens for part in parts),
        parts=parts,
        prompt=session.endpoint.prompt(window),
    )


def _parts(
    snapshot: Snapshot, offset: int, window: ContextWindow, snippets: Sequence[Snippet], rate: float
) -> Iterator[Part]:
    """In the order of the prompt of most models."""

    def part(
        kind: Literal["snippet", "outline", "prefix", "suffix"], path: str, line: int, text: str, why: str
    ) -> Part:
        n_lines = max(1, text.count("\n") + (not text.endswith("\n")))
        return Part(kind, path, line + 1, line + n_lines, round(n_tokens(text) * rate), why)

    words = look_nearby(snapshot.text, offset).words
    sent = {snippet.path: snippet.text for snippet in window.snippets}
    for snippet in sorted(snippets, key=lambda one: (one.path, one.line)):
        if snippet.text in sent.get(snippet.path, ""):
            yield part("snippet", snippet.path, snippet.line, snippet.text, _why(snippet, words))
    prefix = window.prefix + window.held_back
    line = snapshot.text.count("\n", 0, offset)
    head, rest = prefix[: window.n_head], prefix[window.n_head :]
    if head:
        yield part("outline", window.path, 0, head, "imports and headers of this file that stand before the window")
    if rest:
        yield part("prefix", window.path, line - rest.count("\n"), rest, "the text before the cursor")
    after = snapshot.text[offset:].replace("\r\n", "\n").replace("\r", "\n")
    n_same = next((n for n, (one, other) in enumerate(zip(window.suffix, after, strict=False)) if one != other), None)
    n_same = min(len(window.suffix), len(after)) if n_same is None else window.suffix.rfind("\n", 0, n_same) + 1
    if n_same:
        yield part("suffix", window.path, line, window.suffix[:n_same], "the text after the cursor")
    if tail := window.suffix[n_same:]:
        first = line + window.suffix[:n_same].count("\n")
        yield part("outline", window.path, first, tail, "signatures of this file that stand after the window")


def _why(snippet: Snippet, words: dict[str, float]) -> str:
    """The origin in a sentence; of a definition, which name it defines and whether that stands near the cursor."""
    if snippet.origin != "definition":
        return snippet.origin
    defined = _DEFINES.search(snippet.text)
    names = [defined[1]] if defined else [word for word in _WORD.findall(snippet.text) if word in words][:1]
    if not names:
        return "definition in a file that goes with this one"
    near = "used here" if names[0] in words else "in a file that goes with this one"
    return f"definition of {names[0]}, {near}"
