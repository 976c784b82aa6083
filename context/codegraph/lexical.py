"""Search by words: owns tokenising and how chunks are ranked (BM25); knows neither symbols nor files' text."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from context.codegraph.store import unpack

if TYPE_CHECKING:
    from context.codegraph.reader import Reader

_WORD = re.compile(r"[^\W\d]\w*|\$\w+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+")
_MIN_LETTERS = 3
_MAX_LETTERS = 60

_K1 = 1.2
_B = 0.75
_MEAN_WORDS = 150.0
_MAX_QUERY_WORDS = 48
_MANY_PLACES = 100
"""When so many places of the rarest words are found no more are looked for: the answers get no better, but slower."""
_MAX_PLACES = 2_000


class FoundChunk(NamedTuple):
    """A chunk that matches; the higher the score the better."""

    path: str
    line: int
    end_line: int
    score: float


def words_of(text: str) -> list[str]:
    """The identifiers of `text` in lower case, each followed by its camelCase or snake_case parts."""
    words: list[str] = []
    for word in _WORD.findall(text):
        words += _with_parts(word)
    return words


class Search:
    """Search in the chunks of one reader's root, open buffers included."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._common: dict[str, int] = {}
        self._n_chunks = 1
        self._counted: list[tuple[str]] = []

    def find(self, terms: Sequence[str], limit: int = 20, *, without: Collection[str] = ()) -> list[FoundChunk]:
        """Chunks that hold the rarer ones of these words, best first by BM25 over all of them.

        None of the files `without` is looked at: the one at the cursor would be found before all others.
        A term may be any text: its words are taken, whole and in parts, as they were when the chunks were indexed.
        """
        self._refresh()
        words = list(dict.fromkeys(word for term in terms for word in words_of(term)))[:_MAX_QUERY_WORDS]
        counts = self._counts(words)
        weights = {word: _idf(counts.get(word, 0), self._n_chunks) for word in words}
        weighed: dict[int, float] = {}
        for word, chunks in self._places(counts, self._hidden(without)):
            for chunk in chunks:
                weighed[chunk] = weighed.get(chunk, 0.0) + weights[word]
        best = sorted(weighed, key=lambda chunk: (-weighed[chunk], chunk))[: 2 * limit]
        hits = [*self._scored(best, weights), *self._scored_open(weights, without)]
        return sorted(hits, key=lambda hit: (-hit.score, hit.path, hit.line))[:limit]

    def _refresh(self) -> None:
        """Takes over the counts of common words where they have been made anew."""
        counted = self._reader.rows("SELECT value FROM meta WHERE key = 'n_chunks'")
        if counted != self._counted:
            self._counted = counted
            self._n_chunks = int(counted[0][0]) if counted else 1
            self._common = dict(self._reader.rows("SELECT word, n_chunks FROM common_words"))

    def _places(self, counts: Mapping[str, int], hidden: set[int]) -> Iterator[tuple[str, set[int]]]:
        """The rarest words with their chunks, until there are enough; the rarest common one where nothing is found."""
        n_places = 0
        for word in sorted(counts, key=counts.__getitem__):
            if n_places >= _MANY_PLACES or (n_places and word in self._common):
                return
            sql = "SELECT rowid FROM lexicon WHERE lexicon MATCH ? LIMIT ?"
            chunks = {chunk for (chunk,) in self._reader.rows(sql, f'"{word}"', _MAX_PLACES)} - hidden
            n_places += len(chunks)
            yield word, chunks

    def _counts(self, words: Sequence[str]) -> dict[str, int]:
        """How many stored chunks hold each word, of those that are in any; common ones are not counted again."""
        rare = json.dumps([word for word in words if word not in self._common])
        counted = self._reader.rows(
            "SELECT term, doc FROM vocabulary WHERE term IN (SELECT value FROM json_each(?))", rare
        )
        return {**{word: self._common[word] for word in words if word in self._common}, **dict(counted)}

    def _hidden(self, without: Collection[str]) -> set[int]:
        """The stored chunks of these files, and those in whose place open buffers stand."""
        paths = json.dumps([*self._reader.overlay.files, *without])
        sql = "SELECT id FROM located_chunks WHERE path IN (SELECT value FROM json_each(?))"
        return {chunk for (chunk,) in self._reader.rows(sql, paths)}

    def _scored(self, chunks: Sequence[int], weights: Mapping[str, float]) -> Iterator[FoundChunk]:
        sql = "SELECT path, line, end_line, words FROM located_chunks WHERE id IN (SELECT value FROM json_each(?))"
        for path, line, end_line, packed in self._reader.rows(sql, str(list(chunks))):
            words = unpack(packed).split(" ")
            counts = Counter([word for word in words if word in weights])
            yield FoundChunk(path, line, end_line, _bm25(counts, len(words), weights))

    def _scored_open(self, weights: Mapping[str, float], without: Collection[str]) -> Iterator[FoundChunk]:
        for path in self._reader.overlay.files.keys() - set(without):
            open_file = self._reader.overlay.files[path]
            for chunk, counts in zip(open_file.facts.chunks, open_file.counts, strict=True):
                if (score := _bm25(counts, counts.total(), weights)) > 0:
                    yield FoundChunk(path, *chunk, score)


@lru_cache(maxsize=100_000)
def _with_parts(word: str) -> tuple[str, ...]:
    if len(word) > _MAX_LETTERS:
        return ()
    parts = [part.lower() for part in _PART.findall(word)]
    return tuple({part: None for part in (word.lower(), *parts) if len(part) >= _MIN_LETTERS or not part.isascii()})


def _idf(n_with: int, n_chunks: int) -> float:
    """How much a word says that `n_with` of `n_chunks` chunks hold; never negative."""
    return math.log(1 + max(n_chunks - n_with + 0.5, 0.5) / (n_with + 0.5))


def _bm25(counts: Counter[str], n_words: int, weights: Mapping[str, float]) -> float:
    length = _K1 * (1 - _B + _B * n_words / _MEAN_WORDS)
    found = [(weight, n) for word, weight in weights.items() if (n := counts.get(word))]
    return sum(weight * n * (_K1 + 1) / (n + length) for weight, n in found)
