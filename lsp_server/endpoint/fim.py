"""Fill-in-the-middle formats: owns each model family's tokens and how a window is written with them; asks nobody.

Where the tokens come from: the families' own model cards. A family is told apart from another with the
same three tokens by the further tokens in `also`, all of which the model must know as single tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from context.window import ContextWindow
from lsp_server.options import FimFormatName

MAX_STOPS = 4
"""OpenAI's API and new vLLM releases reject a request with more `stop` strings."""

_GENERIC = r"<\|[A-Za-z0-9_-]+\|>|<｜[^<>\s]+｜>"
_CHAT = re.compile(rf"{_GENERIC}|<(?:start|end)_of_turn>|\[/?INST\]|</?s>")
_HASH_COMMENTS = frozenset(
    ("python", "ruby", "shellscript", "yaml", "toml", "perl", "r", "elixir", "makefile", "dockerfile")
)
_DASH_COMMENTS = frozenset(("sql", "lua", "haskell"))


@dataclass(frozen=True)
class FimFormat:
    """One family's way to write a window.

    `other` is the form of one snippet and `target` that of the window's own path; `opening` stands before
    the snippets. With `in_prefix` they are part of the prefix, for models that know one file only.
    """

    name: FimFormatName
    prefix: str
    suffix: str
    middle: str
    ends: tuple[str, ...]
    hint: str
    also: tuple[str, ...] = ()
    suffix_first: bool = False
    in_prefix: bool = False
    opening: str = ""
    other: str = "{comment} {path}\n{text}\n"
    target: str = "{comment} {path}\n"

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The three tokens, without the blanks some families write around them."""
        return tuple(token for token in (self.prefix.strip(), self.suffix.strip(), self.middle.strip()) if token)

    @cached_property
    def special(self) -> tuple[str, ...]:
        """Every token of the family that has a meaning of its own."""
        return tuple(dict.fromkeys((*self.ends, *self.tokens, *self.also)))

    @cached_property
    def in_text(self) -> re.Pattern[str]:
        """What must not stand in a prompt's own text."""
        return re.compile("|".join((*map(re.escape, self.special), _GENERIC)))


_QWEN = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")

FORMATS: dict[FimFormatName, FimFormat] = {
    known.name: known
    for known in (
        FimFormat(
            "qwen",
            *_QWEN,
            ends=("<|endoftext|>", "<|file_sep|>", "<|im_end|>", "<|fim_pad|>"),
            also=("<|file_sep|>", "<|repo_name|>"),
            hint=r"qwen",
            opening="<|repo_name|>project\n",
            other="<|file_sep|>{path}\n{text}\n",
            target="<|file_sep|>{path}\n",
        ),
        FimFormat(
            "codegemma",
            *_QWEN,
            ends=("<|file_separator|>", "<eos>", "<end_of_turn>"),
            also=("<|file_separator|>",),
            hint=r"code-?gemma",
            other="{path}\n{text}<|file_separator|>",
            target="{path}\n",
        ),
        FimFormat(
            "granite", *_QWEN, ends=("<|end_of_text|>", "<|fim_pad|>", "<|endoftext|>"), hint=r"granite", in_prefix=True
        ),
        FimFormat(
            "starcoder",
            "<fim_prefix>",
            "<fim_suffix>",
            "<fim_middle>",
            ends=("<|endoftext|>", "<file_sep>", "<fim_pad>", "<repo_name>"),
            hint=r"star-?coder|stable-?code|granite-(3|8|20|34)b",
            opening="<repo_name>project",
            other="<file_sep>{path}\n{text}",
            target="<file_sep>{path}\n",
        ),
        FimFormat(
            "deepseek",
            "<｜fim▁begin｜>",
            "<｜fim▁hole｜>",
            "<｜fim▁end｜>",
            ends=("<｜end▁of▁sentence｜>", "<|EOT|>"),
            hint=r"deep-?seek",
            other="#{path}\n{text}\n",
            target="#{path}\n",
        ),
        FimFormat(
            "codestral",
            "[PREFIX]",
            "[SUFFIX]",
            "",
            ends=("</s>", "[MIDDLE]"),
            hint=r"codestral|devstral",
            suffix_first=True,
            in_prefix=True,
            other="+++++ {path}\n{text}\n",
            target="+++++ {path}\n",
        ),
        FimFormat(
            "seed-coder",
            "<[fim-prefix]>",
            "<[fim-suffix]>",
            "<[fim-middle]>",
            ends=("<[end▁of▁sentence]>", "<[PAD▁TOKEN]>"),
            hint=r"seed-?coder",
            suffix_first=True,
            in_prefix=True,
        ),
        FimFormat(
            "codellama",
            "<PRE> ",
            " <SUF>",
            " <MID>",
            ends=("<EOT>", "</s>"),
            hint=r"code-?llama",
            in_prefix=True,
        ),
    )
}


_CLOSED = re.compile(r"\A[)\]}\"'`]+(?=\n|\Z)")
"""Brackets and quotes that end the cursor's line come and go as they are opened and closed. At a prompt's beginning
they cost all of it each time; the model writes them again, and the completion's range takes them in."""


def render(form: FimFormat, window: ContextWindow) -> str:
    """The prompt. A window without snippets is written in the plain form, which models know best.

    Naming the path as well was tried on Qwen2.5-Coder-0.5B with twelve small windows: it made no answer
    better and some wordier.
    """
    before, prefix = "", _clean(form, window.prefix)
    if window.snippets:
        before = _files(form, window)
    if form.in_prefix:
        before, prefix = "", before + prefix
    suffix = _clean(form, window.suffix)
    if form.suffix_first:
        return "".join((before, form.suffix, _CLOSED.sub("", suffix), form.prefix, prefix, form.middle))
    return "".join((before, form.prefix, prefix, form.suffix, suffix, form.middle))


def stops(form: FimFormat | None, wanted: Iterable[str]) -> list[str]:
    """At most four stop strings: those asked for first, then the family's most needed ones."""
    ends = form.ends if form is not None else ()
    return list(dict.fromkeys((*wanted, *ends)))[:MAX_STOPS]


def neutral(text: str, pattern: re.Pattern[str] = _CHAT) -> str:
    """The text with special tokens broken by a blank after their first character, so that none acts as a token.

    A blank keeps the text readable to the model as what it is (`<|fim_middle|>` becomes `< |fim_middle|>`);
    a zero-width character would survive into what the model copies, where nobody could see it. Half
    surrogates, which an editor may send, become question marks: no JSON can hold them.
    """
    return pattern.sub(lambda token: f"{token[0][0]} {token[0][1:]}", text.encode("utf-8", "replace").decode())


def by_name(model: str) -> list[FimFormat]:
    """Formats that a model's name hints at. A hint only: an alias may say anything."""
    return [form for form in FORMATS.values() if re.search(form.hint, model, re.IGNORECASE)]


class SpecialCut:
    """Ends a streamed answer at the first special token, also when its text arrives in pieces."""

    def __init__(self, tokens: tuple[str, ...]) -> None:
        self._pattern = re.compile("|".join(map(re.escape, tokens)))
        self._begun = frozenset(token[:n] for token in tokens for n in range(1, len(token)))
        self._n_longest = max(map(len, self._begun), default=0)
        self._held = ""
        self.is_done = False

    def feed(self, text: str) -> str:
        """What may be shown now; the beginning of what might become a token is held back."""
        text = self._held + text
        if found := self._pattern.search(text):
            self.is_done, self._held = True, ""
            return text[: found.start()]
        longest_first = range(min(len(text), self._n_longest), 0, -1)
        n_held = next((n for n in longest_first if text[len(text) - n :] in self._begun), 0)
        self._held = text[len(text) - n_held :]
        return text[: len(text) - n_held]

    def close(self) -> str:
        """What was held back in vain."""
        text, self._held = self._held, ""
        return text


def _files(form: FimFormat, window: ContextWindow) -> str:
    comment = _comment(window.language)
    others = [
        form.other.format(comment=comment, path=_clean(form, snippet.path), text=_clean(form, snippet.text))
        for snippet in window.snippets
    ]
    return form.opening + "".join(others) + form.target.format(comment=comment, path=_clean(form, window.path))


def _clean(form: FimFormat, text: str) -> str:
    return neutral(text, form.in_text)


def _comment(language: str) -> str:
    if language in _HASH_COMMENTS:
        return "#"
    return "--" if language in _DASH_COMMENTS else "//"
