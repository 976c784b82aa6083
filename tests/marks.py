"""The notation of the tests: `<|>` is the cursor, `├…┤` is text that was generated or inserted.

`-- path --` on a line of its own begins the next file.
"""

from __future__ import annotations

import re

from context import Snapshot

CURSOR = "<|>"


def at_cursor(text: str, language: str = "python", path: str = "", version: int = 1) -> tuple[Snapshot, int]:
    """The snapshot of `text` without its cursor mark, and the cursor's offset."""
    offset = text.index(CURSOR)
    clean = text.replace(CURSOR, "", 1)
    assert CURSOR not in clean
    path = path or "file." + {"python": "py", "typescript": "ts", "go": "go"}.get(language, language)
    return Snapshot(f"file:///work/{path}", path, language, version, clean), offset


def inserted(text: str) -> tuple[str, str]:
    """`before├new┤after` as the text with a cursor mark where `new` goes, and `new`."""
    match = re.search(r"├(.*?)┤", text, re.DOTALL)
    assert match is not None, "the text has no ├…┤"
    return text[: match.start()] + CURSOR + text[match.end() :], match.group(1)


def files(text: str) -> dict[str, str]:
    """The texts of `-- path --` marked files by their paths, in order."""
    _, *parts = re.split(r"^-- (\S+) --\n", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))
