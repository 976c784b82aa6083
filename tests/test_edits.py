"""From a model's answer to an edit: what is changed, what is left alone, what is refused."""

from __future__ import annotations

import textwrap
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context import Snapshot
from context.soundness import outline_of
from lsp_server.assist.edits import Change, UnusableError, change_of, code_of
from lsp_server.assist.line_diff import LINE_BREAK, applied, smallest
from lsp_server.assist.stretch import Stretch, stretch_around


def check_changed(text: str, wrong: str, code: str, after: str, language: str = "python") -> Change:
    """The answer `code`, about the stretch around `wrong`, makes `text` into `after`."""
    snapshot, stretch, at = _around(text, wrong, language)
    change = change_of(snapshot, stretch, code, at=[at])
    assert applied(text, change.edits) == after
    return change


def check_refused(text: str, wrong: str, code: str, reason: str, language: str = "python") -> None:
    """The answer is refused, and the reason holds these words and nothing of the text."""
    snapshot, stretch, at = _around(text, wrong, language)
    with pytest.raises(UnusableError, match=reason) as refused:
        change_of(snapshot, stretch, code, at=[at])
    assert wrong not in str(refused.value)


def check_stretch(text: str, wrong: str, expected: str, language: str = "python") -> Stretch:
    """What may be changed around `wrong` is `expected`."""
    snapshot, stretch, _ = _around(text, wrong, language)
    assert snapshot.text[stretch.start : stretch.end] == expected
    return stretch


def _around(text: str, wrong: str, language: str) -> tuple[Snapshot, Stretch, int]:
    snapshot = Snapshot("file:///work/file", "file", language, 1, text)
    at = text.index(wrong)
    return snapshot, stretch_around(snapshot, outline_of(text, language), at, at + len(wrong)), at


AREA = """\
import math


class Circle:
    def __init__(self, radius):
        self.radius = radius

    def area(self):
        # the usual formula
        return math.pi * self.radios ** 2

    def edge(self):
        return 2 * math.pi * self.radius
"""
RIGHT = AREA.replace("radios", "radius")
AREA_METHOD = "    def area(self):\n        # the usual formula\n        return math.pi * self.radius ** 2"


def test_one_line_of_a_method() -> None:
    change = check_changed(AREA, "radios", AREA_METHOD, RIGHT)
    (edit,) = change.edits
    assert "\n" not in edit.text
    assert AREA[edit.start : edit.end] == "        return math.pi * self.radios ** 2"


def test_an_answer_at_the_margin_is_indented() -> None:
    check_changed(AREA, "radios", textwrap.dedent(AREA_METHOD), RIGHT)


@pytest.mark.parametrize("break_", ["\r\n", "\r"])
def test_line_breaks_are_kept(break_: str) -> None:
    grown = AREA_METHOD.replace("        return", "        assert self.radius\n        return")
    after = RIGHT.replace(
        "        return math.pi * self", "        assert self.radius\n        return math.pi * self", 1
    )
    check_changed(AREA.replace("\n", break_), "radios", grown, after.replace("\n", break_))


def test_mixed_line_breaks_stay_where_nothing_changes() -> None:
    text = AREA.replace("import math\n", "import math\r\n").replace("formula\n", "formula\r\n")
    check_changed(text, "radios", AREA_METHOD, text.replace("radios", "radius"))


def test_blanks_at_line_ends_are_left_alone_but_where_they_are_reported() -> None:
    text = "def f(x):\n    y = x  \n    return z  \n"
    check_changed(text, "return z", "def f(x):\n    y = x\n    return y", "def f(x):\n    y = x  \n    return y\n")
    check_changed(text, "y = x  ", "def f(x):\n    y = x\n    return z", "def f(x):\n    y = x\n    return z  \n")


def test_cjk_and_emoji() -> None:
    text = "def 合計(左, 右):\n    # 二つの数 🎉\n    return 左 + 石\n"
    check_changed(text, "石", text.replace("石", "右").rstrip(), text.replace("石", "右"))


IMPORTS = {
    "behind the others": (
        '"""Doc."""\nimport os\n\n\ndef f():\n    return json.dumps(os.name)\n',
        "import json\n\n\ndef f():\n    return json.dumps(os.name)",
        '"""Doc."""\nimport os\nimport json\n\n\ndef f():\n    return json.dumps(os.name)\n',
    ),
    "first one goes below the head": (
        '#!/usr/bin/env python\n"""Doc.\n\nMore."""\n\ndef f():\n    return json.dumps(1)\n',
        "import json\ndef f():\n    return json.dumps(1)",
        '#!/usr/bin/env python\n"""Doc.\n\nMore."""\n\nimport json\n\ndef f():\n    return json.dumps(1)\n',
    ),
    "one that is there is not repeated": (
        "import json\n\n\ndef f():\n    return json.dump(1)\n",
        "import json\n\ndef f():\n    return json.dumps(1)",
        "import json\n\n\ndef f():\n    return json.dumps(1)\n",
    ),
}


@pytest.mark.parametrize("case", IMPORTS)
def test_missing_imports(case: str) -> None:
    text, code, after = IMPORTS[case]
    change = check_changed(text, "json.dump", code, after)
    assert bool(change.outside) == (text.count("import json") == 0)


def test_missing_import_in_typescript() -> None:
    text = 'import { a } from "./a";\n\nexport function f(): number {\n  return a + b;\n}\n'
    code = 'import { b } from "./b";\n\nexport function f(): number {\n  return a + b;\n}'
    check_changed(text, "b;\n}", code, text.replace('"./a";\n', '"./a";\nimport { b } from "./b";\n'), "typescript")


def test_an_unused_import_goes() -> None:
    check_changed("import os\nimport sys\n\nprint(sys)\n", "os", "import sys", "import sys\n\nprint(sys)\n")


REFUSED = {
    "the same": (AREA_METHOD.replace("radius", "radios"), "nothing was corrected"),
    "a syntax error": (AREA_METHOD.replace("**", "** ("), "syntax error"),
    "a comment is another": (AREA_METHOD.replace("usual", "new"), "comment was deleted or changed"),
    "a comment stands in": (f"{AREA_METHOD}\n        # ... rest of the code", "stands in"),
    "another name": (AREA_METHOD.replace("area", "surface"), "missing from the answer"),
    "the line alone": ("return math.pi * self.radius ** 2", "comment was deleted|missing"),
    "one function more": (f"{AREA_METHOD}\n\n    def more(self):\n        return 1", "put beside"),
    "nothing": ("", "comment was deleted|missing"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_harmful_answers_are_refused(case: str) -> None:
    code, reason = REFUSED[case]
    check_refused(AREA, "radios", code, reason)


def test_comments_that_were_left_out_are_kept() -> None:
    check_changed(AREA, "radios", AREA_METHOD.replace("        # the usual formula\n", ""), RIGHT)
    text = "function f() {\n  // first\n  let a = 1;\n  // last\n  return b;\n}\n"
    code = "function f() {\n  let a = 1;\n  return a;\n}"
    check_changed(text, "return b", code, text.replace("return b", "return a"), "typescript")


def test_a_comment_behind_code_may_not_go() -> None:
    check_refused("def f(x):\n    return y  # why\n", "return y", "def f(x):\n    return x", "comment was deleted")


def test_a_class_may_get_the_method_it_lacks() -> None:
    text = "interface A {\n  f(): void;\n}\n\nclass B implements A {\n  x = 1;\n}\n"
    code = "class B implements A {\n  x = 1;\n\n  f(): void {\n    this.x = 2;\n  }\n}"
    check_changed(text, "B implements", code, text[: text.index("class")] + code + "\n", "typescript")
    check_refused(text, "B implements", f"{code}\n\nclass C {{\n  y = 1;\n}}", "put beside", "typescript")


def test_most_of_a_function_may_not_go() -> None:
    lines = "\n".join(f"    x = {i}" for i in range(20))
    check_refused(f"def f():\n{lines}\n    return y\n", "return y", "def f():\n    return x", "Most of the code")


def test_errors_that_were_there_may_stay() -> None:
    text = "def broken(:\n    pass\n\n\ndef f(x):\n    return y\n"
    check_changed(text, "return y", "def f(x):\n    return x", text.replace("return y", "return x"))


def test_without_a_grammar_a_change_is_a_change() -> None:
    text = "one\ntwo\n\nthree\n"
    check_changed(text, "two", "one\nzwei", "one\nzwei\n\nthree\n", "klingon")
    check_refused(text, "two", "one\ntwo", "nothing was corrected", "klingon")


LONG = "def f():\n" + "\n".join(f"    value_{i} = compute({i})" for i in range(900)) + "\n"


def test_of_a_long_function_only_the_lines_around() -> None:
    snapshot, stretch, _ = _around(LONG, "value_450", "python")
    lines = snapshot.text[stretch.start : stretch.end].split("\n")
    assert "    value_450 = compute(450)" in lines
    assert 10 < len(lines) < 60
    check_changed(LONG, "value_450", "\n".join(lines).replace("compute(450)", "0"), LONG.replace("compute(450)", "0"))


def test_what_may_change() -> None:
    assert check_stretch(AREA, "radios", AREA_METHOD.replace("radius", "radios")).name == "area"
    check_stretch("import os\nimport sys\n\nx = 1\n", "sys", "import os\nimport sys")
    check_stretch("x = 1\ndef f():\n    pass\ny = 2\nz = 3\n", "y = 2", "y = 2\nz = 3")
    check_stretch("x: int = 'a'\r\n\r\ny = 2\r\n", "x:", "x: int = 'a'")
    check_stretch("interface A {\n  b: strin;\n}\n", "strin", "interface A {\n  b: strin;\n}", "typescript")
    check_stretch("", "", "")


ANSWERS = {
    "fenced": ("Here it is:\n```python\nx = 1\n```\nDone. ```not this```", "x = 1"),
    "blanks within": ("```\n\n    x\n\n\n```", "\n    x"),
    "longer fence": ("````\n```\nx\n```\n````", "```\nx\n```"),
    "no fence": ("x = 1\n", "x = 1"),
    "DOS": ("```python\r\nx = 1\r\n```\r\n", "x = 1"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_the_code_is_taken_out_of_the_answer(case: str) -> None:
    answer, code = ANSWERS[case]
    assert code_of(answer) == code


@pytest.mark.parametrize("answer", ["```python\nx = 1\n", "  \n"])
def test_an_answer_without_whole_code_is_refused(answer: str) -> None:
    with pytest.raises(UnusableError):
        code_of(answer)


LINES = st.lists(st.sampled_from(["a", "b", "c", "", "  d"]), max_size=8)
BREAKS = st.sampled_from(["\n", "\r\n", "\r"])


@given(LINES, LINES, BREAKS)
def test_the_edits_make_the_new_text(old: list[str], new: list[str], break_: str) -> None:
    before = break_.join(old)
    edits = smallest(before, "\n".join(new), break_)
    assert applied(before, edits) == break_.join(new)
    assert all(one.end <= other.start for one, other in pairwise(edits))
    assert all(before[edit.start : edit.end] != edit.text for edit in edits)


PIECES = st.lists(st.sampled_from(["a", "b", " ", "\f", "\u2028", "字", "\n", "\r\n"])).map("".join)


@given(PIECES, PIECES)
def test_the_edits_make_the_new_text_whatever_it_is(before: str, after: str) -> None:
    exact = range(len(LINE_BREAK.split(before)))
    made = applied(before, smallest(before, after, "\n", exact))
    assert [line.rstrip() for line in LINE_BREAK.split(made)] == [line.rstrip() for line in LINE_BREAK.split(after)]


@given(st.text(st.sampled_from("ab \n\r(){}:;\"'#"), max_size=60), st.text(st.sampled_from("ab \n():#"), max_size=60))
def test_nothing_outside_the_stretch_changes(text: str, code: str) -> None:
    snapshot = Snapshot("file:///work/a.py", "a.py", "python", 1, text)
    at = len(text) // 2
    stretch = stretch_around(snapshot, outline_of(text, "python"), at, at)
    assert 0 <= stretch.start <= at <= stretch.end <= len(text)
    try:
        change = change_of(snapshot, stretch, code, at=[at])
    except UnusableError:
        return
    assert all(stretch.start <= edit.start <= edit.end <= stretch.end for edit in change.within)
