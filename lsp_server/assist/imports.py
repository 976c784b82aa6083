"""Imports that a correction needs: owns taking them out of an answer and where they go in the document. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from context import Edit, Snapshot
from context.languages import find
from context.outline import Outline
from context.soundness import outline_of
from lsp_server.assist.line_diff import LINE_BREAK
from lsp_server.assist.stretch import Stretch


def split_imports(code: str, before: str, language_id: str) -> tuple[list[str], str]:
    """The imports that the answer puts before the code, each of them whole, and the rest.

    Where the code to correct begins with imports itself, they are part of it.
    """
    language = find(language_id)
    if language is None or not language.imports or _n_leading(before, language_id)[0]:
        return [], code
    imports, end = _n_leading(code, language_id)
    if not imports or not code[end:].strip():
        return [], code
    return imports, LINE_BREAK.sub("\n", code[end:]).lstrip("\n")


def _n_leading(code: str, language_id: str) -> tuple[list[str], int]:
    """The imports at the head of `code`, and where the last one's line ends."""
    outline = outline_of(code, language_id)
    imports: list[str] = []
    end = 0
    for span in outline.imports if outline is not None else ():
        if code[end : span.start].replace("<?php", "").strip(" \t\r\n;"):
            break
        imports.append(code[span.start : span.end].strip().rstrip(";") + _semicolon(code, span.start, span.end))
        line_end = LINE_BREAK.search(code, span.end)
        end = line_end.end() if line_end else len(code)
    return imports, end


def _semicolon(code: str, start: int, end: int) -> str:
    """The semicolon that ends an import, which some grammars count in and some do not."""
    return ";" if ";" in code[start : end + 1] else ""


def import_edits(
    snapshot: Snapshot, outline: Outline | None, stretch: Stretch, imports: Sequence[str], break_: str
) -> tuple[Edit, ...]:
    """One edit that adds the imports the document lacks behind its last one at the margin before the stretch."""
    text = snapshot.text
    if outline is None:
        return ()
    there = {text[span.start : span.end].strip().rstrip(";") for span in outline.imports}
    missing = [line for line in dict.fromkeys(imports) if line.rstrip(";") not in there]
    if not missing:
        return ()
    ends = [
        snapshot.line_end(span.end)
        for span in outline.imports
        if span.start == snapshot.line_start(span.start) and span.end <= stretch.start
    ]
    added = break_.join(missing)
    if ends:
        return (Edit(ends[-1], ends[-1], break_ + added),)
    at = _head_end(snapshot)
    return (Edit(at, at, added + break_ + break_),) if at <= stretch.start else ()


def _head_end(snapshot: Snapshot) -> int:
    """Where the first line stands that is no comment, no blank and no docstring."""
    language = find(snapshot.language)
    mark = (language.line_comment if language else None) or "#"
    text, at = snapshot.text, 0
    docstring = re.compile(r"""[rR]?(\"\"\"|''').*?\1[^\n]*(\n|\Z)""", re.DOTALL)
    while at < len(text):
        line = text[at : snapshot.line_end(at)].strip()
        found = docstring.match(text, at) if language and language.name == "python" else None
        if found:
            at = found.end()
        elif not line or line.startswith((mark, "#!")):
            following = LINE_BREAK.search(text, at)
            if following is None:
                break
            at = following.end()
        else:
            break
    return at
