"""Parses that can be stopped: owns how a parser is given a text, and what it forgets to give back; knows no deadline.

The parser reports its steps only where the text comes from a callback. It is a new one each time (1 us): after a stop,
one that is used again would go on with the old text.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache

import tree_sitter

from context.languages import Language
from context.parsable import is_parsable

_PIECE_BYTES = 16_384


def parse(
    language: Language,
    source: bytes,
    is_enough: Callable[[int, bool], bool],
    *,
    fragment: bool = False,
    before: tree_sitter.Tree | None = None,
) -> tree_sitter.Tree | None:
    """The tree of `source`; None where the grammar must not see it, or once `is_enough` of the steps.

    `is_enough` gets the byte and whether there is an error there, some hundred steps apart. `before` is the tree of the
    text as it was, with the edits since then.
    """
    if not is_parsable(language.name, source):
        return None
    grammar = language.grammar(fragment=fragment)
    pieces: list[bytes] = []

    def piece(byte: int, _: object) -> bytes:
        pieces.append(source[byte : byte + _PIECE_BYTES])
        return pieces[-1]

    try:
        parser = tree_sitter.Parser(grammar)
        if before is None:
            return parser.parse(piece, progress_callback=is_enough)
        return parser.parse(piece, before, progress_callback=is_enough)
    except ValueError:
        return None
    finally:
        if _keeps_pieces(grammar):
            release = _release()
            for one in filter(None, pieces):
                release(one)


@cache
def _keeps_pieces(grammar: tree_sitter.Language) -> bool:
    """Whether the binding keeps a reference to each piece for good, as it does from 0.25 to 0.26.1.

    A day of typing would cost tens of megabytes. It is seen by trying, so that a binding that lets go is left alone.
    """
    text = bytes(bytearray(b"text"))
    n_before, n_given = sys.getrefcount(text), 0

    def piece(byte: int, _: object) -> bytes:
        nonlocal n_given
        n_given += byte == 0
        return text if byte == 0 else b""

    tree_sitter.Parser(grammar).parse(piece)
    return 0 < n_given == sys.getrefcount(text) - n_before


@cache
def _release() -> Callable[[bytes], None]:
    """Gives back one reference that C code has forgotten."""
    import ctypes  # noqa: PLC0415  off the start-up path

    release = ctypes.pythonapi.Py_DecRef
    release.argtypes, release.restype = (ctypes.py_object,), None
    return release
