"""From a model's answer to a file of tests: owns what is added where, and the checks that need no other file. Pure.

Whatever a model answers, it is only added: what stands in a file of tests stays as it is. What the answer repeats of
the file is left out; what it would replace, or what is no test of the code, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from context import Edit, Snapshot
from context.outline import Outline, Scope
from context.soundness import outline_of
from lsp_server.assist.bindings import clashing, missing_imports
from lsp_server.assist.edits import UnusableError
from lsp_server.assist.frameworks import Framework
from lsp_server.assist.imports import import_edits, split_imports
from lsp_server.assist.line_diff import LINE_BREAK, applied, line_break
from lsp_server.assist.stretch import Stretch

_ASSERTS = re.compile(
    r"assert|expect|raises|should|\bt\.(?:Error|Fatal|Fail)|\b(?:EXPECT|REQUIRE|CHECK)\b|verify|must_|_must|is_err|panic"
    r"|Assert\.|Output:|throws|warns|approx",
    re.IGNORECASE,
)
_MAIN = re.compile(r"^if __name__ == .*$", re.MULTILINE)
_MODULE = re.compile(r"^[ \t]*(?:#\[cfg\(test\)\]\s*)?(?:pub )?mod tests?\s*\{", re.MULTILINE)
_ATTACHED = re.compile(r"^\s*(?:@|#\[|\[\w|//|#|/\*|\*|<!--)")
_USE = re.compile(r"^[ \t]*use [^;]+;[ \t]*\n?", re.MULTILINE)
_DECLARES = re.compile(r"(?:const|let|var|import|from|require|require_relative)\b|[A-Za-z_]\w* = ")
_INDENT = "    "
_PHP = "<?php"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What tests are asked for: `names` are those of the code, one of which has to be named; `clause` its package's."""

    framework: Framework
    language: str
    names: tuple[str, ...]
    clause: str = ""


@dataclass(frozen=True, slots=True)
class Addition:
    """The edits that add tests to a text, in document order, and the text after them; `tests` are the new names."""

    edits: tuple[Edit, ...]
    text: str
    tests: tuple[str, ...] = ()


def added(wanted: Wanted, snapshot: Snapshot | None, code: str, break_: str = "\n") -> Addition:
    """What the answer's code adds to a file of tests, or to none; raises UnusableError.

    A file that has to be made gets `break_` as its line breaks, one that is there keeps its own.
    """
    code = LINE_BREAK.sub("\n", code).strip("\n")
    _check_tests(wanted, code)
    addition = _new(wanted, code, break_) if snapshot is None else _extended(wanted, snapshot, code)
    before = outline_of(snapshot.text, wanted.language) if snapshot is not None else Outline()
    after = outline_of(addition.text, wanted.language)
    if before is None or after is None:
        raise UnusableError("The file of tests is too long to be checked.")
    if after.n_errors > before.n_errors:
        raise UnusableError("The code has a syntax error.")
    return addition


def _check_tests(wanted: Wanted, code: str) -> None:
    outline = outline_of(code, wanted.language)
    body = _without(code, ((span.start, span.end) for span in outline.imports)) if outline else code
    if not re.search(wanted.framework.test, body, re.MULTILINE):
        raise UnusableError(f"The answer holds no test that {wanted.framework.name} would run.")
    if not any(re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", body) for name in wanted.names):
        raise UnusableError("The tests do not use the code that they are for.")
    if not _ASSERTS.search(body):
        raise UnusableError("The tests assert nothing.")


def _new(wanted: Wanted, code: str, break_: str) -> Addition:
    clause = _clause(wanted, code)
    if wanted.clause and not clause:
        code = f"{wanted.clause}\n\n{code}"
    elif clause and not _agree(wanted, clause):
        raise UnusableError("The tests name another package than the code is in.")
    text = code.replace("\n", break_) + break_
    return Addition((Edit(0, 0, text),), text, _names(code, wanted.language))


def _extended(wanted: Wanted, snapshot: Snapshot, code: str) -> Addition:
    """The parts that are new, put where the framework has them."""
    clause = _clause(wanted, code)
    if clause:
        own = _clause(wanted, snapshot.text)
        if own and own.split() != clause.split():
            raise UnusableError("The tests name another package than the file that they are added to.")
        code = code.replace(clause, "", 1).lstrip("\n")
    break_ = line_break(snapshot.text)
    if wanted.framework.form == "module":
        edits = _in_module(wanted, snapshot, code, break_)
    else:
        edits = _in_file(wanted, snapshot, code, break_)
    return Addition(edits, applied(snapshot.text, edits), _names(code, wanted.language))


def _in_file(wanted: Wanted, snapshot: Snapshot, code: str, break_: str) -> tuple[Edit, ...]:
    language, is_class = wanted.language, wanted.framework.form == "class"
    outline = outline_of(snapshot.text, language)
    imports, code = split_imports(_opened(code, language), "", language)
    code = _opened(code, language)
    text = LINE_BREAK.sub("\n", snapshot.text)
    if is_class and _last_class(outline_of(code, language)) is None:
        code = _opened(f"class Added {{\n{code.removeprefix(_PHP)}\n}}", language)
    code = _without_repeated(code, text, language, n_path=1 if is_class else 2)
    _check_more(wanted, code)
    if clashing(imports, code, text, language):
        raise UnusableError("The code declares a name anew that the file of tests has already.")
    whole = Stretch(len(snapshot.text), len(snapshot.text))
    heads = import_edits(snapshot, outline, whole, missing_imports(imports, text, language), break_)
    at = _class_end(snapshot, outline) if is_class else None
    if at is not None:
        indent = _indent_of(snapshot, outline)
        lines = _dedented(_unwrapped(code, language))
        inner = "\n".join(f"{indent}{line}" if line else "" for line in lines)
        return (*heads, Edit(at, at, f"\n{inner}\n".replace("\n", break_)))
    place = _end(snapshot, language)
    return (*heads, _appended(snapshot, place, code, break_, n_blank=2 if language == "python" else 1))


def _check_more(wanted: Wanted, code: str) -> None:
    """Raises UnusableError where of the answer no test is left."""
    if not re.search(wanted.framework.test, code, re.MULTILINE):
        raise UnusableError("The answer repeats the tests that are there and adds none.")


def _opened(code: str, language: str) -> str:
    """PHP's code is none without its mark."""
    return f"{_PHP}\n{code}" if language == "php" and not code.startswith(_PHP) else code


def _appended(snapshot: Snapshot, at: int, code: str, break_: str, n_blank: int) -> Edit:
    """Code behind what stands before `at`, with so many blank lines between, and before what follows."""
    kept = len(snapshot.text[:at].rstrip())
    follows = snapshot.text[at:].strip()
    head = break_ * (n_blank + 1) if kept else ""
    tail = break_ * (n_blank + 1) if follows else break_
    return Edit(kept, at if follows else len(snapshot.text), head + code.replace("\n", break_) + tail)


def _end(snapshot: Snapshot, language: str) -> int:
    """Where the tests of a file end: before what runs them, in Python."""
    found = list(_MAIN.finditer(snapshot.text)) if language == "python" else []
    return found[-1].start() if found else len(snapshot.text)


def _class_end(snapshot: Snapshot, outline: Outline | None) -> int | None:
    """Before the brace that closes the last class at the margin; None where there is no class."""
    outer = _last_class(outline)
    if outer is None:
        return None
    brace = snapshot.text.rfind("}", outer.header_end, outer.end)
    return _before_brace(snapshot, brace) if brace >= 0 else None


def _before_brace(snapshot: Snapshot, brace: int) -> int:
    """Before the line of a brace that stands alone, else right before it."""
    start = snapshot.line_start(brace)
    return brace if snapshot.text[start:brace].strip() else start


def _last_class(outline: Outline | None) -> Scope | None:
    classes = [scope for scope in (outline.scopes if outline else ()) if scope.kind == "class"]
    outer = [one for one in classes if not any(other.start < one.start and one.end <= other.end for other in classes)]
    return outer[-1] if outer else None


def _indent_of(snapshot: Snapshot, outline: Outline | None) -> str:
    """How far the members of the class stand in."""
    outer = _last_class(outline)
    for scope in outline.scopes if outline and outer else ():
        if outer and outer.start < scope.start < outer.end:
            start = snapshot.line_start(scope.start)
            line = snapshot.text[start : scope.start]
            return line[: len(line) - len(line.lstrip())]
    return _INDENT


def _unwrapped(code: str, language: str) -> str:
    """The members, where the answer puts them into a class of its own."""
    outline = outline_of(code, language)
    outer = _last_class(outline)
    if outer is None:
        return code
    opening, closing = code.find("{", outer.header_end, outer.end), code.rfind("}", outer.header_end, outer.end)
    return code[opening + 1 : closing].strip("\n") if 0 <= opening < closing else code


def _in_module(wanted: Wanted, snapshot: Snapshot, code: str, break_: str) -> tuple[Edit, ...]:
    """Into the code's own module of tests, which is made where there is none."""
    opened = _MODULE.search(code)
    if opened:
        code = code[opened.end() : code.rfind("}")].strip("\n")
    text = LINE_BREAK.sub("\n", snapshot.text)
    code = _without_repeated(_without_uses(code, text), text, snapshot.language)
    _check_more(wanted, code)
    lines = _dedented(code)
    inner = "\n".join(f"{_INDENT}{line}" if line else "" for line in lines)
    found = _MODULE.search(snapshot.text)
    if found is None:
        uses = "" if re.search(r"^\s*use super::", code, re.MULTILINE) else f"{_INDENT}use super::*;\n\n"
        module = f"#[cfg(test)]\nmod tests {{\n{uses}{inner}\n}}"
        return (_appended(snapshot, len(snapshot.text), module, break_, n_blank=1),)
    outline = outline_of(snapshot.text, snapshot.language)
    start = snapshot.text.index("mod", found.start())
    scope = next((one for one in (outline.scopes if outline else ()) if one.start <= start < one.header_end + 2), None)
    if scope is None:
        raise UnusableError("The module of tests cannot be found in the file.")
    at = _before_brace(snapshot, snapshot.text.rindex("}", scope.start, scope.end))
    return (Edit(at, at, f"\n{inner}\n".replace("\n", break_)),)


def _without_uses(code: str, text: str) -> str:
    known = {line.strip() for line in text.split("\n")}
    return _USE.sub(lambda found: "" if found[0].strip() in known else found[0], code).strip("\n")


def _without_repeated(code: str, text: str, language: str, n_path: int = 2) -> str:
    """The code without what the text has as it is; raises UnusableError for what has a name of the text's but differs.

    Names are compared with so many of those around them.
    """
    known, own = outline_of(text, language), outline_of(code, language)
    if known is None or own is None:
        return code
    there = {path[-n_path:]: text[scope.start : scope.end].strip() for path, scope in _outer(known)}
    repeated = []
    for path, scope in _outer(own):
        said = there.get(path[-n_path:])
        if said is None or (scope.kind == "class" and (n_path == 1 or language == "ruby")):
            continue
        if said != code[scope.start : scope.end].strip():
            raise UnusableError("A test has the name of one that is there already.")
        repeated.append((_head(code, scope.start), scope.end))
    code = _without(code, repeated)
    first = min((scope.start for scope in own.scopes), default=0)
    return re.sub(r"\n{4,}", "\n\n\n", _head_without_repeated(code, min(first, len(code)), text)).strip("\n")


def _head_without_repeated(code: str, end: int, text: str) -> str:
    """Declarations of one line before the first function that the text has as they are are left out."""
    known = {line for line in text.split("\n") if _DECLARES.match(line) and _is_closed(line)}
    head, rest = code[: code.rfind("\n", 0, end) + 1], code[code.rfind("\n", 0, end) + 1 :]
    return "\n".join(line for line in head.split("\n") if line not in known) + rest


def _is_closed(line: str) -> bool:
    return all(line.count(opening) == line.count(closing) for opening, closing in ("()", "[]", "{}"))


def _head(code: str, start: int) -> int:
    """Where a definition's decorators and comments begin."""
    at = code.rfind("\n", 0, start) + 1
    while at > 0:
        above = code.rfind("\n", 0, at - 1) + 1
        if not _ATTACHED.match(code[above : at - 1]):
            break
        at = above
    return at


def _outer(outline: Outline) -> Iterator[tuple[tuple[str, ...], Scope]]:
    """The named scopes that stand in no function, each with the names of those around it; an impl has its type's."""
    around: list[Scope] = []
    for scope in outline.scopes:
        while around and around[-1].end <= scope.start:
            around.pop()
        if scope.name and all(one.kind != "function" for one in around):
            yield (*(one.name for one in around if one.kind == "class"), scope.name), scope
        around.append(scope)


def _names(code: str, language: str) -> tuple[str, ...]:
    """The names of the functions, which a tool may be told to run."""
    outline = outline_of(code, language)
    scopes: Sequence[Scope] = outline.scopes if outline else ()
    return tuple(
        dict.fromkeys(scope.name for scope in scopes if scope.kind == "function" and scope.name.isidentifier())
    )


def _clause(wanted: Wanted, code: str) -> str:
    """The line that says the package."""
    if not wanted.framework.clause:
        return ""
    found = re.search(rf"{wanted.framework.clause}[ \t;]*", code, re.MULTILINE)
    return found[0].strip() if found else ""


def _agree(wanted: Wanted, clause: str) -> bool:
    """Go's tests may stand in a package beside the code's."""
    own, said = (one.rstrip("; ").split()[-1] for one in (wanted.clause or clause, clause))
    return said in (own, f"{own}_test")


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    pieces, at = [], 0
    for start, end in spans:
        pieces.append(text[at : max(at, start)])
        at = max(at, end)
    return "".join([*pieces, text[at:]])


def _dedented(code: str) -> list[str]:
    lines = code.strip("\n").split("\n")
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    least = min(indents, default=0)
    return [line[least:].rstrip() for line in lines]
