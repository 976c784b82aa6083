"""One line, many lines, or nothing."""

from __future__ import annotations

import pytest
from marks import at_cursor

from context.syntax import look
from lsp_server.completion.trigger import decide


def check_lines(text: str, expected: str, *, language: str = "python", is_invoked: bool = False) -> None:
    """`expected` is one, many or none."""
    snapshot, offset = at_cursor(text, language)
    trigger = decide(snapshot, offset, look(snapshot, offset), 12, is_invoked=is_invoked)
    found = "none" if trigger is None else "many" if trigger.shape == "block" else "one"
    assert found == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(a):\n    <|>\n", "many"),
        ("def f(a):\n    <|>\n    return a\n", "one"),
        ("def f(a):\n    x = <|>\n", "one"),
        ("def f(a):<|>\n", "one"),
        ("class A:\n    def f(self):\n        <|>\n\n    def g(self):\n        pass\n", "many"),
        ("for x in y:\n    <|>", "many"),
        ("x = 1\n<|>\ny = 2\n", "one"),
        ("# a note <|>\n", "one"),
        ("ret<|>urn 1\n", "none"),
        ("foo(<|>)\n", "one"),
        ("名<|>前 = 1\n", "none"),
    ],
)
def test_many_lines_only_where_a_body_is_missing(text: str, expected: str) -> None:
    check_lines(text, expected)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("typescript", "function f() {\n  <|>\n}\n", "many"),
        ("typescript", "const x = <|>;\n", "one"),
        ("go", "func f() int {\n\t<|>\n}\n", "many"),
        ("rust", "fn f() -> i32 {\n    <|>\n}\n", "many"),
        ("ruby", "def f(a)\n  <|>\nend\n", "many"),
        ("lua", "function f(a)\n  <|>\nend\n", "many"),
        ("no-such-language", "whatever <|>\n", "one"),
        ("python", "if a:\n    b()\nelse:\n    <|>\n", "one"),
        ("python", "if a:\n    b()\n    c()\nelse:\n    <|>\n", "many"),
        ("typescript", "if (a) {\n  b();\n} else {\n  <|>\n}\n", "one"),
        ("csharp", "if (a)\n{\n    B();\n}\nelse\n{\n    <|>\n}\n", "one"),
        ("java", "if (a) {\n  return;\n}\nif (b) {\n  <|>\n}\n", "one"),
        ("java", "a();\nif (b) {\n  <|>\n}\n", "many"),
        ("java", "if (a) {\n  return;\n}\nc();\nif (b) {\n  <|>\n}\n", "one"),
        ("java", "if (a) {\n  d();\n  return;\n}\nc();\nif (b) {\n  <|>\n}\n", "many"),
        ("c", "for (;;) {\n    a();\n}\nfor (;;) {\n    <|>\n}\n", "one"),
        ("c", "for (;;)\n{\n    a();\n    b();\n}\nfor (;;)\n{\n    <|>\n}\n", "many"),
        ("c", "if (a) {\n    b();\n}\nfor (;;) {\n    <|>\n}\n", "many"),
        ("python", "for a in b:\n    c()\nif d:\n    <|>\n", "many"),
        ("python", "def f():\n    return 1\n\n\ndef g():\n    <|>\n", "many"),
        ("python", "try:\n    a()\n    b()\nexcept E:\n    <|>\n", "one"),
        ("typescript", "try {\n  a();\n  b();\n} catch (e) {\n  <|>\n}\n", "one"),
        ("ruby", "begin\n  a\n  b\nrescue E\n  <|>\nend\n", "one"),
    ],
)
def test_every_language_has_its_own_openers(language: str, text: str, expected: str) -> None:
    check_lines(text, expected, language=language)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("x = <|>\n", "statement"),
        ("x = <|>  \n", "statement"),
        ("foo(<|>)\n", "line"),
        ("foo(<|>, b)\n", "line"),
        ("# a note <|>\n", "line"),
        ("print('a <|>\n", "statement"),
        ("'''\na note <|>\n'''\n", "line"),
        ("def f():\n    <|>\n", "block"),
    ],
)
def test_nothing_leaves_a_line_that_goes_on(text: str, shape: str) -> None:
    snapshot, offset = at_cursor(text)
    trigger = decide(snapshot, offset, look(snapshot, offset), 12, is_invoked=False)
    assert trigger is not None
    assert trigger.shape == shape


def test_who_asks_in_the_middle_of_a_word_gets_an_answer() -> None:
    check_lines("ret<|>urn 1\n", "one", is_invoked=True)
