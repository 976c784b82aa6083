"""What of a raw answer is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marks import at_cursor, inserted

from context.syntax import look
from lsp_server.completion.postprocess import is_whole, refine, release
from lsp_server.completion.trigger import Trigger, decide


def check_shown(text: str, raw: str, *, language: str = "python", max_lines: int = 12) -> None:
    """`text` shows with ├…┤ what is to be inserted of `raw`; ├┤ says that nothing is."""
    marked, expected = inserted(text)
    snapshot, offset = at_cursor(marked, language)
    trigger = _trigger(marked, language, max_lines)
    shown = refine(release(raw, ""), snapshot, offset, trigger)
    assert (shown or "") == expected
    if shown:
        again = refine(shown, snapshot, offset, trigger)
        assert again == shown, "what is shown once must be shown the same the second time"


def _trigger(marked: str, language: str, max_lines: int) -> Trigger:
    snapshot, offset = at_cursor(marked, language)
    trigger = decide(snapshot, offset, look(snapshot, offset), max_lines, is_invoked=True)
    assert trigger is not None
    return trigger


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("x = foo(├a, b┤)", "a, b)"),
        ("x = foo(├a, b┤)\ny = 1\n", "a, b)\ny = 1\n"),
        ("x = [├1, 2┤]\n", "1, 2]\nprint(x)\n"),
        ("x = foo(├bar(1)┤)", "bar(1))"),
        ("x = foo(├bar(1)┤)", "bar(1)"),
        ('print("├hello┤")', 'hello")'),
        ("x = {├'a': 1┤}", "'a': 1}"),
        ("call(├a┤, b)", "a, b)"),
        ("return ├a + b┤\n", "a + b\n\n\ndef next():\n    pass\n"),
        ("x = ├1┤  \n", "1   \n"),
        ("├┤", "   \n\n"),
        ("def f():\n    x = 1\n    ├┤\n    return x\n", "return x"),
        ("    counter.increment(1)\n    ├┤\n", "counter.increment(1)"),
        ("価格 = 計算(├数量, 単価┤)\n", "数量, 単価)\n"),
        ("s = '😀' + ├name┤\n", "name\n"),
    ],
)
def test_one_line_ends_where_the_document_goes_on(text: str, raw: str) -> None:
    check_shown(text, raw)


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("def f(a):\n    ├b = a\n    return b┤\n", "b = a\n    return b\n\n\ndef g():\n    pass\n"),
        ("def f(a):\n    ├return a┤\n\n\ndef g():\n    pass\n", "return a\n\n\ndef g():\n    return 1\n"),
        ("class A:\n    def f(self):\n        ├return 1┤\n", "return 1\n\n    def g(self):\n        return 2\n"),
        ("def f():\n    ├x = 1┤\n", "\n    x = 1\nprint(f())\n"),
        ("def f():\n    ├print(1)\n    print(1)\n    print(1)┤\n", "print(1)\n    " * 8 + "print(1)"),
        ("def f(n):\n    ├if n:\n        return 1\n    return 2┤\n", "if n:\n        return 1\n    return 2\n"),
        ("def f():\r\n    ├a = 1\n    return a┤\r\n", "a = 1\r\n    return a\r\n"),
    ],
)
def test_a_body_ends_with_its_block(text: str, raw: str) -> None:
    check_shown(text, raw)


@pytest.mark.parametrize(
    ("language", "text", "raw"),
    [
        ("typescript", "function f(a: number) {\n  ├return a;┤\n}\n", "return a;\n}\n"),
        ("typescript", "function f(a: number) {\n  ├return a;\n}┤\n", "return a;\n}\n\nfunction g() {}\n"),
        ("typescript", "  it('x', () => {\n    ├expect(1).toBe(1);┤\n  });\n", "expect(1).toBe(1);\n  });\n"),
        ("go", "func f() int {\n\t├return 1┤\n}\n", "return 1\n}\n"),
        ("java", "  int f() {\n    ├return 1;\n  }┤\n", "return 1;\n  }\n\n  int g() {\n    return 2;\n  }\n"),
    ],
)
def test_braces_are_closed_once(language: str, text: str, raw: str) -> None:
    check_shown(text, raw, language=language)


def test_the_line_budget_ends_a_body() -> None:
    raw = "\n    ".join(f"a{i} = {i}" for i in range(9))
    check_shown("def f():\n    ├a0 = 0\n    a1 = 1\n    a2 = 2┤\n", raw, max_lines=3)


@pytest.mark.parametrize(
    ("raw", "held_back", "text"),
    [
        (" a + b", " ", "a + b"),
        ("\treturn", "\t", "return"),
        ("\n    pass", " ", "\n    pass"),
        ("urn a", " ", ""),
        ("a\r\nb", "", "a\nb"),
    ],
)
def test_a_blank_that_was_held_back_is_not_doubled(raw: str, held_back: str, text: str) -> None:
    assert release(raw, held_back) == text


@pytest.mark.parametrize(
    ("raw", "held_back", "line", "text"),
    [
        ("with open(path) as f:", " ", "    with ", "open(path) as f:"),
        ("    return a + b", "", "    return", " a + b"),
        ("x + 1", " ", "x ", ""),
        ("x", "", "x", "x"),
    ],
)
def test_a_line_said_again_is_not_doubled(raw: str, held_back: str, line: str, text: str) -> None:
    assert release(raw, held_back, line) == text


def test_a_stream_is_left_as_soon_as_its_block_has_ended() -> None:
    marked = "def f():\n    <|>\n"
    snapshot, offset = at_cursor(marked)
    trigger = _trigger(marked, "python", 12)
    pieces = ["return", " 1", "\n", "\n", "\n", "def", " g", "():", "\n"]
    so_far = [is_whole("".join(pieces[:n]), snapshot, offset, trigger) for n in range(1, len(pieces) + 1)]
    assert so_far == [False] * 8 + [True]


PIECES = [*"ab =+()[]{}:,.'\"\n\t ", "é", "漢", "😀", "return", "if "]
CODE = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


@given(before=CODE, after=CODE, raw=CODE)
def test_what_is_shown_is_stable_and_begins_what_the_model_said(before: str, after: str, raw: str) -> None:
    snapshot, offset = at_cursor(before + "<|>" + after)
    trigger = decide(snapshot, offset, look(snapshot, offset), 12, is_invoked=True)
    assert trigger is not None
    shown = refine(raw, snapshot, offset, trigger)
    if shown is not None:
        assert shown.strip()
        assert shown == shown.rstrip()
        assert refine(shown, snapshot, offset, trigger) == shown
