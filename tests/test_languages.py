"""The table of languages: every row loads, and its node types are the grammar's own."""

from __future__ import annotations

import pytest
import tree_sitter

from context.languages import LANGUAGES, Language, find, for_path


def check_language(expected: str | None, *, language_id: str | None = None, path: str | None = None) -> None:
    found = find(language_id) if language_id is not None else for_path(path or "")
    assert (found.name if found else None) == expected


@pytest.mark.parametrize(
    ("language_id", "expected"),
    [
        ("python", "python"),
        ("javascriptreact", "javascript"),
        ("tsx", "typescriptreact"),
        ("typescriptreact", "typescriptreact"),
        ("cs", "csharp"),
        ("c++", "cpp"),
        ("bash", "shellscript"),
        ("Python", "python"),
        ("objective-c", None),
        ("plaintext", None),
        ("", None),
    ],
)
def test_language_ids(language_id: str, expected: str | None) -> None:
    check_language(expected, language_id=language_id)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/app.py", "python"),
        ("a/b.test.tsx", "typescriptreact"),
        ("C:\\work\\Main.CS", "csharp"),
        ("Gemfile", "ruby"),
        ("home/.bashrc", "shellscript"),
        ("types.d.ts", "typescript"),
        ("py", None),
        ("a.py/readme", None),
        ("", None),
    ],
)
def test_file_names(path: str, expected: str | None) -> None:
    check_language(expected, path=path)


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_a_row_agrees_with_its_grammar(language: Language) -> None:
    for grammar in (language.grammar(), language.grammar(fragment=True)):
        nodes = (*language.comments, *language.strings, *language.interpolations)
        assert [node for node in nodes if grammar.id_for_node_kind(node, True) is None] == []
        # A pattern that names a node or field the grammar does not have is an error here.
        scopes = " ".join(f"({pattern}) @{kind}" for pattern, kind in language.scopes.items())
        tree_sitter.Query(grammar, f"{scopes} {language.imports}")


def test_no_two_rows_claim_a_name() -> None:
    names = [key for language in LANGUAGES for key in (language.name, *language.aliases)]
    files = [ending for language in LANGUAGES for ending in language.files]
    assert len(names) == len(set(names))
    assert len(files) == len(set(files))
    assert files == [ending.lower() for ending in files]
