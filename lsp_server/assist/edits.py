"""From a model's answer to the smallest edit that is safe to offer: owns the diff and the checks; knows no endpoint.

Pure. The model answers with a stretch of whole lines, corrected; here its code is taken out of the answer, brought to
the document's indentation and line breaks, compared line by line, and refused where it would do harm.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from context import Edit, Snapshot
from context.languages import find
from context.outline import Outline, Scope
from context.soundness import comments_of, outline_of
from lsp_server.assist.imports import import_edits, split_imports
from lsp_server.assist.line_diff import LINE_BREAK, applied, indented_as, line_break, smallest
from lsp_server.assist.stretch import Stretch

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n`]*\n", re.MULTILINE)
_STANDS_IN = re.compile(
    r"^[\s/*#-]*(\.{3}|…)|(\.{3}|…)[\s*/]*$|\b(rest of|remaining|existing|unchanged|same as before|omitted)\b",
    re.IGNORECASE,
)
_MAX_LINES_TO_DELETE = 3
_MIN_LINES_TO_LOSE = 8
_KEPT_SHARE = 0.5


class UnusableError(Exception):
    """What is wrong with an answer, as a sentence for the model and the user that holds no text of a file."""


class Change(NamedTuple):
    """The edits of a fix in document order, as offsets into the snapshot; those of `outside` add missing imports."""

    within: tuple[Edit, ...]
    outside: tuple[Edit, ...] = ()

    @property
    def edits(self) -> tuple[Edit, ...]:
        """All of them, in document order."""
        return tuple(sorted((*self.outside, *self.within), key=lambda edit: edit.start))


def is_whole(answer: str) -> bool:
    """Whether a fence was opened and closed, so that nothing of use follows."""
    opened = _FENCE.search(answer)
    return opened is not None and _closing(answer, opened) is not None


def code_of(answer: str) -> str:
    """The code in the answer's first fence, maybe none; all of an answer without a fence. Raises UnusableError."""
    answer = LINE_BREAK.sub("\n", answer)
    opened = _FENCE.search(answer)
    if opened is None:
        if not answer.strip():
            raise UnusableError("The answer holds no code.")
        return answer.strip("\n")
    closed = _closing(answer, opened)
    if closed is None:
        raise UnusableError("The answer breaks off before the code ends.")
    return answer[opened.end() : closed].rstrip("\n")


def change_of(
    snapshot: Snapshot, stretch: Stretch, code: str, *, outline: Outline | None = None, at: Collection[int] = ()
) -> Change:
    """The smallest change that makes `stretch` into `code`, checked; raises UnusableError.

    `at` are the offsets of what is wrong: on their lines blanks at the end count. `outline` is the document's, where
    it is known already.
    """
    before = snapshot.text[stretch.start : stretch.end]
    break_ = line_break(snapshot.text)
    imports, code = split_imports(code, before, snapshot.language)
    code = indented_as(code, before)
    exact = {len(LINE_BREAK.findall(before, 0, max(0, place - stretch.start))) for place in at}
    within = tuple(
        Edit(stretch.start + edit.start, stretch.start + edit.end, edit.text)
        for edit in smallest(before, code, break_, exact, _is_comment_in(snapshot.language))
    )
    if outline is None:
        outline = outline_of(snapshot.text, snapshot.language)
    change = Change(within, import_edits(snapshot, outline, stretch, imports, break_))
    _check(snapshot, stretch, change, outline)
    return change


def _is_comment_in(language_id: str) -> Callable[[str], bool]:
    """Tells lines that hold a comment and nothing else: models like to leave these out."""
    language = find(language_id)
    marks = tuple(filter(None, (language.line_comment, "/*" if language.block_comment else None))) if language else ()
    return lambda line: line.lstrip().startswith(marks)


def _check(snapshot: Snapshot, stretch: Stretch, change: Change, outline: Outline | None) -> None:
    """Raises UnusableError with the first fault."""
    if not change.edits:
        raise UnusableError("The code is the same as before: nothing was corrected.")
    before = snapshot.text[stretch.start : stretch.end]
    moved = [Edit(edit.start - stretch.start, edit.end - stretch.start, edit.text) for edit in change.within]
    after = applied(before, moved)
    n_before, n_after = (len(LINE_BREAK.split(text)) for text in (before, after))
    if not after.strip() and n_before > _MAX_LINES_TO_DELETE:
        raise UnusableError("The answer holds no code.")
    if n_before >= _MIN_LINES_TO_LOSE and n_after < _KEPT_SHARE * n_before:
        raise UnusableError("Most of the code is missing from the answer, which must hold all of it.")
    comments, kept = comments_of(before, snapshot.language), comments_of(after, snapshot.language)
    if any(_STANDS_IN.search(comment) for comment in kept - comments):
        raise UnusableError("A comment stands in for code that was left out.")
    if comments - kept:
        raise UnusableError("A comment was deleted or changed; every comment has to stay as it is.")
    if outline is None:
        return
    text = applied(snapshot.text, change.edits)
    changed = outline_of(text, snapshot.language)
    if changed is None:
        return
    if changed.n_errors > outline.n_errors:
        raise UnusableError("The code has a syntax error that was not there before.")
    _check_scopes(outline, changed, stretch)


def _check_scopes(outline: Outline, changed: Outline, stretch: Stretch) -> None:
    """What other code calls is still there, and nothing was put beside it; a class that is corrected may get more."""
    old, new = _outer(outline.scopes), _outer(changed.scopes)
    if old - new:
        raise UnusableError("A function or class that was there is missing from the answer, or has another name.")
    classes = {scope.name for scope in outline.scopes if scope.kind == "class" and scope.start >= stretch.start}
    is_class = stretch.name in classes
    if any(not is_class or stretch.name not in path[:-1] for path in new - old):
        raise UnusableError("A function or class was put beside the code that was to be corrected.")


def _outer(scopes: Sequence[Scope]) -> Counter[tuple[str, ...]]:
    """The names of all scopes that stand in no function, each with those around it."""
    found: Counter[tuple[str, ...]] = Counter()
    around: list[Scope] = []
    for scope in scopes:
        while around and around[-1].end <= scope.start:
            around.pop()
        if scope.name and all(one.kind != "function" for one in around):
            found[(*(one.name for one in around), scope.name)] += 1
        around.append(scope)
    return found


def _closing(answer: str, opened: re.Match[str]) -> int | None:
    """Where the line of the closing fence begins; None while it is not there."""
    closing = re.compile(rf"^[ \t]*{re.escape(opened[1])}+[ \t]*$", re.MULTILINE)
    found = closing.search(answer, opened.end())
    return found.start() if found else None
