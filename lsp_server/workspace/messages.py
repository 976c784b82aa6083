"""What the server and its workspace's child tell each other: owns the shapes; knows neither end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Scope:
    """What is indexed: the workspace's `folders` and further `roots`, as absolute paths of this machine.

    `refused` are further patterns of files of which nothing may be kept. Where the editor tells of changed files the
    folders are `is_watched`, elsewhere they are looked through now and then.
    """

    folders: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    is_watched: bool = False
    is_enabled: bool = True


class Progress(NamedTuple):
    """How far the indexing of a folder is, in files; done when both numbers are the same."""

    folder: str
    n_done: int
    n_files: int


class Trouble(NamedTuple):
    """Why a folder has no index, in a word: "home", a store's Failure, "failed", or the place of a fault of ours."""

    folder: str
    reason: str


class Survey(NamedTuple):
    """Files that go by a test's name, the nearest first, and those of the likeliest whose imports lead to the code."""

    tests: tuple[str, ...] = ()
    importing: tuple[str, ...] = ()


Event = Progress | Trouble
