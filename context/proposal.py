"""A text that is to be written, and how it would stand among the files that are there: owns the shapes alone."""

from __future__ import annotations

from typing import NamedTuple


class Proposal(NamedTuple):
    """A text that would stand at `path`. `modules` may be imported, and what the files `near` import.

    Of `names` is asked whether the text may use them as it does.
    """

    path: str
    language: str
    text: str
    names: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


class Standing(NamedTuple):
    """`missing` are imports that lead nowhere, as "module name"; `reached` the files that the others lead to.

    `unbound` are those of the asked names that the text uses though it neither imports nor defines them.
    """

    missing: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()
    unbound: tuple[str, ...] = ()
