"""How many tokens a text costs: owns an estimate that needs no vocabulary; what the endpoint counted corrects it."""

from __future__ import annotations

from functools import lru_cache

# Bytes by what they mean to a tokenizer: letters, capitals, digits, line breaks, other blanks, UTF-8, signs.
_CLASSES = bytes(
    next(
        ord(name)
        for name, members in (
            ("n", b"\n"),
            (" ", bytes(range(33))),
            ("0", b"0123456789"),
            ("A", bytes(range(65, 91))),
            ("a", bytes(range(97, 123))),
            (".", bytes(range(33, 128))),
            ("u", bytes(range(128, 256))),
        )
        if byte in members
    )
    for byte in range(256)
)
_LINE_BREAK = 1.911

UNKNOWN_RATE = 1.2
"""Tokens per estimated one where nothing was counted yet. Measured on 97 prompts: 0.99 for large vocabularies
(Qwen2.5-Coder, cl100k), 1.30 for a small one (Llama 2)."""

MARGIN = 1.09
"""One prompt in fifty has that many times the tokens that a right rate says."""

_HALF_LIFE_TOKENS = 30_000.0
_FIRST_WEIGHT_TOKENS = 500.0
_RATE_BOUNDS = (0.5, 2.5)


def n_tokens(text: str) -> float:
    """Estimated number of tokens of `text`; that of a text is what its lines have together.

    The weights are least squares over 900 pieces of 5 KB out of 33 packages in seven languages, counted by
    Qwen2.5-Coder's vocabulary: nine prompts in ten are within 7 % of it.
    """
    count = text.encode("utf-8", "replace").translate(_CLASSES).count
    return (
        _LINE_BREAK * count(b"n")
        + 1.447 * count(b". ")
        + 1.461 * count(b"0")
        + 0.15 * count(b"a")
        + 0.306 * count(b"A")
        + 0.864 * count(b".a")
        + 0.408 * count(b"u")
    )


@lru_cache(maxsize=4_096)
def n_line_tokens(line: str) -> float:
    """The same for one line without its line break, remembered: most lines are in the next window too."""
    return n_tokens(line) + _LINE_BREAK


@lru_cache(maxsize=16_384)
def n_lines_tokens(text: str) -> float:
    """The same for whole lines, remembered: snippets are weighed again and again."""
    return n_tokens(text)


class TokenRate:
    """A model's own tokens per estimated one, learned from what its endpoint counted; newer counts weigh more."""

    def __init__(self) -> None:
        self._estimated = _FIRST_WEIGHT_TOKENS
        self._counted = _FIRST_WEIGHT_TOKENS * UNKNOWN_RATE

    @property
    def rate(self) -> float:
        """Tokens per estimated token."""
        least, most = _RATE_BOUNDS
        return min(max(self._counted / self._estimated, least), most)

    def update(self, estimated: float, counted: int) -> None:
        """Takes in a prompt that was estimated to have `estimated` tokens, of which the endpoint counted `counted`."""
        if estimated < 1 or counted < 1:
            return
        kept = 0.5 ** (estimated / _HALF_LIFE_TOKENS)
        self._estimated = self._estimated * kept + estimated
        self._counted = self._counted * kept + counted
