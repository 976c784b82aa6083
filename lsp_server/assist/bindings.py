"""The names that a text binds at its margin: owns which imports another text lacks, and which names clash. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from context.codegraph.extract import extract
from context.codegraph.facts import FileFacts, Import
from context.codegraph.graph import family_of
from context.languages import find

_OF_FUTURE = "__future__"


def missing_imports(imports: Sequence[str], text: str, language: str) -> list[str]:
    """Statements that import what `text` does not have of `imports`, which are whole statements."""
    family = _family(language)
    if family not in _WRITTEN:
        known = {line.strip().rstrip(";") for line in text.split("\n")}
        return [one for one in imports if one.strip().rstrip(";") not in known]
    there = {_plain(one) for one in _facts(text, language).imports}
    wanted = [one for one in _facts("\n".join(imports), language).imports if _plain(one) not in there]
    return list(_WRITTEN[family]([one for one in wanted if one.module != _OF_FUTURE]))


def clashing(imports: Sequence[str], code: str, text: str, language: str) -> bool:
    """Whether imports or code bind a name at the margin that the text binds to something else."""
    if _family(language) not in _WRITTEN:
        return False
    before = _facts(text, language)
    own = {one.alias or one.name or one.module: _plain(one) for one in before.imports}
    taken = {*own, *(symbol.name for symbol in before.symbols if symbol.container < 0)}
    after = _facts(code, language)
    if any(symbol.container < 0 and symbol.name in taken and symbol.kind != "class" for symbol in after.symbols):
        return True
    added = (*_facts("\n".join(imports), language).imports, *after.imports)
    return any(
        (name := one.alias or one.name or one.module) in taken and own.get(name) != _plain(one)
        for one in added
        if one.name != "*"
    )


def _python(wanted: Sequence[Import]) -> Iterator[str]:
    for one in wanted:
        if not one.name:
            yield f"import {one.module}{_alias(one)}"
    for module, taken in _by_module(wanted):
        yield f"from {module} import {', '.join(f'{one.name}{_alias(one)}' for one in taken)}"


def _javascript(wanted: Sequence[Import]) -> Iterator[str]:
    for module, taken in _by_module(wanted):
        named = [f"{one.name}{_alias(one)}" for one in taken if one.name not in ("default", "*")]
        for one in taken:
            if one.name == "default":
                yield f'import {one.alias} from "{module}";'
            elif one.name == "*":
                yield f'import * as {one.alias} from "{module}";'
        if named:
            yield f'import {{ {", ".join(named)} }} from "{module}";'
    yield from (f'import "{one.module}";' for one in wanted if not one.name)


def _go(wanted: Sequence[Import]) -> Iterator[str]:
    yield from (f'import {one.alias} "{one.module}"' if one.alias else f'import "{one.module}"' for one in wanted)


_WRITTEN = {"python": _python, "javascript": _javascript, "go": _go}


def _by_module(wanted: Sequence[Import]) -> Iterator[tuple[str, list[Import]]]:
    found: dict[str, list[Import]] = defaultdict(list)
    for one in wanted:
        if one.name:
            found[one.module].append(one)
    yield from found.items()


def _alias(one: Import) -> str:
    return f" as {one.alias}" if one.alias else ""


def _plain(one: Import) -> tuple[str, str, str]:
    return one.module, one.name, one.alias


def _family(language: str) -> str:
    row = find(language)
    return family_of(row.name) if row else ""


def _facts(text: str, language: str) -> FileFacts:
    return extract("", language, text.encode("utf-8", "replace"))
