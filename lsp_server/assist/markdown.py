"""What a model or a comment says, as Markdown that reaches for nothing: owns how it is disarmed. Pure.

An image is fetched when it is shown, and a link may name a command of the editor; so neither is left, nor is HTML.
Code stays as it is.
"""

from __future__ import annotations

import re
from urllib.parse import quote

_FENCE = re.compile(r"^( {0,3})(`{3,}(?=[^`]*$)|~{3,})")
_CODE_SPAN = re.compile(r"(?<![`\\])(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_FETCHED = re.compile(
    r"!\[[^\]\n]*\](?=[(\[])|<(?=(?:img|image|svg|script|style|link|iframe|object|embed|video|audio|source|track"
    r"|input|meta|base|body|form|table|td|th)\b)",
    re.IGNORECASE,
)
_LEADING_AWAY = re.compile(r"\](?=\([^()\s]*[:&/])")
_JOINER = "\u2060"
"""Has no width; what it parts is no Markdown any more."""

_LINK = re.compile(r"!?\[([^\[\]\n]*)\](?:\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)|\[[^\[\]\n]*\])")
_REFERENCE = re.compile(r"^( {0,3})\[")
_ADDRESS = re.compile(r"<?\b(?:[a-z][a-z0-9+.-]{1,30}://|www\.|mailto:|command:)[^\s<>`]*>?", re.IGNORECASE)


def harmless(text: str) -> str:
    """The Markdown without images, links and HTML; addresses are left as code."""
    lines: list[str] = []
    indent, fence = "", ""
    for line in text.replace("\r", "").split("\n"):
        if line.strip() and not line.startswith(indent):
            indent, fence = "", ""  # the item of a list that holds the fence has ended, and the fence with it
        mark = _FENCE.match(line)
        lines.append(line if fence or mark else _disarmed(line))
        if not fence:
            indent, fence = mark.groups() if mark else ("", "")
        elif mark and mark[2].startswith(fence) and not line[mark.end() :].strip():
            indent, fence = "", ""
    return "\n".join(lines)


def link(label: str, uri: str) -> str:
    """A link of our own making; `uri` is one that the editor or the graph has given."""
    safe = re.sub(r"([\\\[\]`*_<>])", r"\\\1", " ".join(label.split()))
    return f"[{safe}]({address(uri)})"


def address(uri: str) -> str:
    """A URI as it stands in a link."""
    return quote(uri, safe=":/?#@!$&*+,;=%~-._'")


def whole_sentences(text: str) -> str:
    """Leaves out a last sentence that was cut in two."""
    if not text or text[-1] in ".!?`)":
        return text
    end = max(text.rfind(mark) for mark in (". ", ".\n", "! ", "? "))
    return text[: end + 1] if end > 0 else text


def _disarmed(line: str) -> str:
    """One line outside fences: its code spans stay, the rest is plain."""
    parts: list[str] = []
    at = 0
    for span in _CODE_SPAN.finditer(line):
        # Where a span that began lines before ends here, this is no code: what would be fetched or opened is parted.
        code = _FETCHED.sub(rf"\g<0>{_JOINER}", span[0])
        parts += _plain(line[at : span.start()]), _LEADING_AWAY.sub(rf"\g<0>{_JOINER}", code)
        at = span.end()
    return _REFERENCE.sub(r"\1\\[", "".join([*parts, _plain(line[at:])]))


def _plain(text: str) -> str:
    before = ""
    while before != text:  # an image may stand within a link
        before, text = text, _LINK.sub(r"\1", text)
    text = _ADDRESS.sub(lambda address: f"`{address[0].strip('<>')}`", text)
    return text.replace("![", "!\\[").replace("](", "]\\(").replace("<", "&lt;")
