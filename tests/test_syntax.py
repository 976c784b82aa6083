"""What stands at the cursor and what a file is made of; `<|>` is the cursor."""

from __future__ import annotations

import pickle
import subprocess
import sys
import textwrap
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marks import at_cursor

from context.document import Edit, Snapshot
from context.languages import LANGUAGES, find
from context.outline import IncrementalTree, Outline, Span
from context.parsable import is_parsable
from context.parsing import parse
from context.syntax import Place, first_that_fits, look

GENEROUS_MS = 5_000.0


def check_place(language: str, marked: str, **expected: Any) -> Place:
    """Every named field of the Place at the mark; `body` is the waiting body's kind, with `!` on its header's line."""
    text = textwrap.dedent(marked)
    offset = text.index("<|>")
    text = text.replace("<|>", "")
    place = look(Snapshot("file:///a", "a", language, 1, text), offset)
    body = place.empty_body
    fields = {name: getattr(place, name) for name in Place.__slots__}
    fields["body"] = f"{body.kind}{'!' if body.on_header_line else ''}" if body else None
    assert {name: fields[name] for name in expected} == expected
    return place


def check_outline(language: str, text: str, scopes: list[str], imports: list[str] | None = None) -> Outline:
    """Each scope as `kind name: header`, nested ones after their outer one."""
    row = find(language)
    assert row is not None
    outline = IncrementalTree(row, text.encode("utf-8", "surrogatepass")).outline(GENEROUS_MS)
    assert outline is not None
    headers = [f"{s.kind} {s.name}: {text[s.start : s.header_end]}" for s in outline.scopes]
    assert headers == scopes
    if imports is not None:
        assert [text[span.start : span.end].strip() for span in outline.imports] == imports
    return outline


EMPTY_BODIES = [
    ("python", "def f():\n    <|>", "function"),
    ("python", "def f():\n    <|>\n\ndef g(): ...\n", "function"),
    ("python", 'def f():\n    """Says: so."""\n    # and then\n    <|>\n', "function"),
    ("python", "def f(\n    a: int,\n) -> None:\n    <|>\n", "function"),
    ("python", "async def f():  # why: so\n    <|>\n", "function"),
    ("python", "class A(B):\n    <|>\n", "class"),
    ("python", "for a in b:\n    <|>\n", "loop"),
    ("python", "if a:\n    b()\nelse:\n    <|>\nc()\n", "branch"),
    ("python", "x = [\n    <|>\n]\n", "literal"),
    ("python", "def f():<|>", "function!"),
    ("python", "def f():\n    <|>\n    return 1\n", None),
    ("python", "def f():\n    a = 1\n    <|>\n", None),
    ("python", "x = 1  # note:\n<|>\n", None),
    ("python", "print('if:'<|>)\n", None),
    ("python", "def f(): <|>  return\n", None),
    ("javascript", "function f(a) {\n  <|>\n}\n", "function"),
    ("javascript", "const f = async (a) => {\n  <|>\n};\n", "function"),
    ("javascript", "xs.forEach((x) => {\n  <|>\n});\n", "function"),
    ("javascript", "class A {\n  run(a) {\n    <|>\n  }\n}\n", "function"),
    ("javascript", "const o = {\n  <|>\n};\n", "literal"),
    ("javascript", "if (a) {<|>}\n", "branch!"),
    ("javascript", "if (a) {\n  <|>\n  b();\n}\n", None),
    ("javascript", "if (a) {\n<|>\nb();\n}\n", None),
    ("javascript", "if (a) { // here\n  <|>\n}\n", "branch"),
    ("typescriptreact", "function A(): JSX.Element {\n  <|>\n}\n", "function"),
    ("typescript", "export class A implements B {\n  <|>\n}\n", "class"),
    ("typescript", "interface A {\n  <|>\n}\n", "class"),
    ("typescript", "switch (a) {\n  case 1:\n    <|>\n    break;\n}\n", None),
    ("typescript", "switch (a) {\n  case 1:\n    <|>\n  case 2:\n}\n", "branch"),
    ("go", "func (s *S) F(a int) (int, error) {\n\t<|>\n}\n", "function"),
    ("go", "type S struct {\n\t<|>\n}\n", "class"),
    ("go", "for i := range a {\n\t<|>\n}\n", "loop"),
    ("go", "go func() {\n\t<|>\n}()\n", "function"),
    ("rust", "impl<'a> T for S<'a> {\n    <|>\n}\n", "class"),
    ("rust", "fn f<'a>(x: &'a str) -> u8 {\n    <|>\n}\n", "function"),
    ("rust", "    let y = match x {\n        <|>\n    };\n", "branch"),
    ("rust", "mod tests {\n    <|>\n}\n", "module"),
    ("java", "class A {\n    int f(int a) throws E {\n        <|>\n    }\n}\n", "function"),
    ("java", "class A\n{\n    <|>\n}\n", "class"),
    ("java", "    public static void main(String[] args)\n    {\n        <|>\n    }\n", "function"),
    ("java", "    xs.forEach(x -> {\n        <|>\n    });\n", "function"),
    ("c", "static int f(int a)\n{\n    <|>\n}\n", "function"),
    ("c", "struct node *next(struct node *n) {\n    <|>\n}\n", "function"),
    ("c", "struct node {\n    <|>\n};\n", "class"),
    ("c", "    do\n    {\n        <|>\n    } while (a);\n", "loop"),
    ("cpp", "int A::f() const {\n    <|>\n}\n", "function"),
    ("cpp", "namespace n {\n<|>\n}\n", "module"),
    ("cpp", "    auto g = [&](int x) {\n        <|>\n    };\n", "function"),
    ("csharp", "    public async Task F(int a)\n    {\n        <|>\n    }\n", "function"),
    ("csharp", "    foreach (var a in b)\n    {\n        <|>\n    }\n", "loop"),
    ("ruby", "def f(a)\n  <|>\nend\n", "function"),
    ("ruby", "class A < B\n  <|>\nend\n", "class"),
    ("ruby", "xs.each do |x|\n  <|>\nend\n", "function"),
    ("ruby", "x = 1 if y\n<|>\n", None),
    ("php", "<?php\nfunction f(array $a): int {\n    <|>\n}\n", "function"),
    ("php", "<?php\nforeach ($a as $b) {\n    <|>\n}\n", "loop"),
    ("kotlin", "fun f(a: Int): Int {\n    <|>\n}\n", "function"),
    ("kotlin", "class A(val b: Int) {\n    <|>\n}\n", "class"),
    ("scala", "def f(a: Int): Int =\n  <|>\n", "function"),
    ("scala", "object A {\n  <|>\n}\n", "class"),
    ("lua", "local function f(a)\n  <|>\nend\n", "function"),
    ("lua", "if a then\n  <|>\nend\n", "branch"),
    ("shellscript", "f() {\n  <|>\n}\n", "function"),
    ("shellscript", "for i in a b; do\n  <|>\ndone\n", "loop"),
    ("html", "<div>\n  <|>\n</div>\n", "literal"),
    ("css", "a {\n  <|>\n}\n", "literal"),
    ("markdown", "A list:\n<|>\n", None),
    ("cobol", "function f() {\n  <|>\n}\n", "function"),
    ("cobol", "plain words\n<|>\n", None),
]


@pytest.mark.parametrize(("language", "marked", "body"), EMPTY_BODIES)
@pytest.mark.parametrize("eol", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_empty_body(language: str, marked: str, body: str | None, eol: str) -> None:
    check_place(language, marked.replace("\n", eol), body=body)


@pytest.mark.parametrize(
    ("language", "marked", "in_comment", "in_string"),
    [
        ("python", "x = 1  # a <|>\n", True, False),
        ("python", "x = 1  # a\n<|>\n", False, False),
        ("python", "x = 'a <|> b'\n", False, True),
        ("python", "x = 'a b'<|>\n", False, False),
        ("python", "x = 'a <|>\n", False, True),
        ("python", "x = '# a'; <|>\n", False, False),
        ("python", 'def f():\n    """Says <|>\n    so."""\n', False, True),
        ("python", "x = f'a {b<|>} c'\n", False, False),
        ("python", "x = f'a {b} c<|>'\n", False, True),
        ("javascript", "/* a\n <|> */ f();\n", True, False),
        ("javascript", "/* a */<|> f();\n", False, False),
        ("javascript", "x = `a ${b<|>} c`;\n", False, False),
        ("javascript", "x = `a\n ${b} <|>c`;\n", False, True),
        ("javascript", "x = /a'b/; <|>\n", False, False),
        ("typescript", "// don't <|>\n", True, False),
        ("go", "x := `raw\n <|>`\n", False, True),
        ("rust", "fn f<'a>(x: &'a str) { <|> }\n", False, False),
        ("rust", 'let x = r#"a " <|> b"#;\n', False, True),
        ("rust", "/// A doc <|>\nfn f() {}\n", True, False),
        ("java", "class A { /** a <|> */ }\n", True, False),
        ("java", 'class A { String s = "<|>"; }\n', False, True),
        ("c", "int x; /* a <|>\n", True, False),
        ("c", "char c = '\"'; <|>\n", False, False),
        ("c", "#include <std<|>io.h>\n", False, True),
        ("cpp", 'auto s = R"(a " <|>)";\n', False, True),
        ("csharp", 'class A { string s = $"a {b<|>}"; }\n', False, False),
        ("csharp", 'class A { string s = @"a <|>"; }\n', False, True),
        ("ruby", 'x = "a #{b<|>} c"\n', False, False),
        ("ruby", "x = <<~E\n  a <|>\nE\n", False, True),
        ("ruby", "y = 1 # a <|>\n", True, False),
        ("php", "<?php\n# a <|>\n", True, False),
        ("php", "<?php\n$x = 'a <|>';\n", False, True),
        ("kotlin", 'val s = """a\n <|>"""\n', False, True),
        ("kotlin", "val x = 1 // a <|>\n", True, False),
        ("scala", 'val s = s"a ${b<|>}"\n', False, False),
        ("lua", "x = 1 -- a <|>\n", True, False),
        ("lua", "--[[ a\n<|> ]]\n", True, False),
        ("lua", "x = [[ a <|> ]]\n", False, True),
        ("shellscript", 'echo "a <|>"\n', False, True),
        ("shellscript", "echo ${#a} <|>\n", False, False),
        ("sql", "SELECT 'a <|>' FROM t;\n", False, True),
        ("sql", "SELECT 1 -- a <|>\n", True, False),
        ("html", "<!-- a <|> -->\n", True, False),
        ("html", "<p>don't <|></p>\n", False, False),
        ("css", "a { /* b <|> */ }\n", True, False),
        ("json", '{"a": "b<|>"}\n', False, True),
        ("yaml", "a: b # c <|>\n", True, False),
        ("toml", "a = '''\nb <|>'''\n", False, True),
        ("markdown", "It's <|> so.\n", False, False),
        ("python", "def f(:\n    x = f'a {b<|>} c'\n", False, False),
        ("cobol", "x = 1 // a <|>\n", True, False),
        ("cobol", 'x = "a <|>"\n', False, True),
    ],
)
def test_comments_and_strings(language: str, marked: str, in_comment: bool, in_string: bool) -> None:
    check_place(language, marked, in_comment=in_comment, in_string=in_string)


@pytest.mark.parametrize(
    ("language", "opening", "closing"),
    [("python", '"""', '"""'), ("python", "x = '''", "'''"), ("c", "/*", "*/"), ("kotlin", 'val s = """', '"""')],
)
@pytest.mark.parametrize("n_before", [0, 80, 6_000])
def test_a_window_that_begins_in_a_long_literal_reads_code_as_code(
    language: str, opening: str, closing: str, n_before: int
) -> None:
    prose = "Don't say it is so.\n" * 40
    code = {"python": "x = 1\n", "c": "int x;\n", "kotlin": "val x = 1\n"}[language]
    is_comment = opening == "/*"
    literal = f"{code * n_before}{opening}\n{prose}"
    check_place(language, f"{literal}{closing}\n{code * 20}<|>{code * 20}", in_comment=False, in_string=False)
    check_place(
        language, f"{literal}it <|> is\n{prose}{closing}\n{code}", in_comment=is_comment, in_string=not is_comment
    )


@pytest.mark.parametrize(
    ("above", "in_string"),
    [
        ('def f():\n    """\n    Says so.\n    """\n', False),
        ('def f():\n    """Says so."""\n', False),
        ('def f():\n    """Says so.\n\n    And more.\n    """\n', False),
        ('def f():\n    """:returns: so"""\n', False),
        ('x = """\n', True),
        ('x = foo("""\n', True),
        ('x = """\n""".format(1)\n', False),
        ('x = """\n""")\n', False),
        ('x = r"""a"""\n', False),
        ('x = \'"""\'\n', False),
        ('# Use """ here.\n', False),
        ("x = '''\n\"\"\"\n'''\n", False),
        ('    r"""<a (?:"|\')"""\n    r""".*?>"""\n', False),
    ],
)
def test_long_quotes_far_below_the_beginning_tell_by_their_line(above: str, in_string: bool) -> None:
    """The file's beginning, with its odd number of quotes, is too far up to be read."""
    far_up = 'x = """\n"""\ny = """\n' + "pass\n" * 6_000
    check_place("python", f"{far_up}{above}" + "z\n" * 60 + "y<|>\n", in_string=in_string)


def test_a_string_that_is_being_typed_does_not_turn_the_code_below_it_over() -> None:
    below = '\n\n    def f(self):\n        """Says so."""\n        return 1\n'
    snapshot, offset = at_cursor(f'class A:\n    """A single <|>{below}')
    assert first_that_fits(snapshot, offset, ['source file."""']) == 'source file."""'


def test_the_middle_of_a_php_file_is_php() -> None:
    body = "".join(f"    public function f{n}(): int {{\n        return {n};\n    }}\n" for n in range(100))
    before, after = body[: len(body) // 2], body[len(body) // 2 :]
    check_place("php", f"<?php\nclass A {{\n{before}    /* a <|> */\n{after}}}\n", in_comment=True)
    snapshot, offset = at_cursor(f"<?php\nclass A {{\n{before}        $x = <|>;\n{after}}}\n", "php")
    assert first_that_fits(snapshot, offset, ["(1", "(1)"]) == "(1)"


@pytest.mark.parametrize("has_looked", [False, True])
@pytest.mark.parametrize(
    ("language", "text", "candidates", "expected"),
    [
        ("python", "x = <|>\ny = 2\n", ["(1", "(1)"], "(1)"),
        ("python", "x = <|>\r\ny = '漢😀'\r\n", ["f(", "f()"], "f()"),
        ("javascript", "f(<|>)\n", ["a)", "a"], "a"),
        ("python", "x = (<|>\n", ["1", "1)"], "1)"),
        ("python", "x = y<|>\n", ["(", "["], None),
        ("cobol", "<|>", ["(", "x"], "("),
        ("python", "<|>", [], None),
        ("python", "def f(:\n    pass\n\n\nx = <|>\n", ["1 + 2", "1"], "1 + 2"),
    ],
)
def test_what_adds_no_error_is_taken(
    language: str, text: str, candidates: list[str], expected: str | None, has_looked: bool
) -> None:
    snapshot, offset = at_cursor(text, language)
    if has_looked:
        look(snapshot, offset)
    assert first_that_fits(snapshot, offset, candidates) == expected


LONG = {
    "python": (
        "class A:\n    def f(self):\n",
        "        a(1)\n",
        "        x = <|>\n",
        "    def g(self):\n        pass\n",
    ),
    "typescript": ("class A {\n  f(): void {\n", "    a(1);\n", "    const x = <|>;\n", "  }\n\n  g(): void {}\n}\n"),
    "javascript": ("f(\n  (a) => {\n", "    a(1);\n", "    const x = <|>;\n", "  },\n);\n"),
    "java": ("class A\n{\n  int f()\n  {\n", "    a(1);\n", "    int x = <|>;\n", "  }\n}\n"),
    "csharp": ("class A\n{\n    int F()\n    {\n", "        A(1);\n", "        var x = <|>;\n", "    }\n}\n"),
    "rust": ("impl A {\n    fn f(&self) {\n", "        a(1);\n", "        let x = <|>;\n", "    }\n}\n"),
    "go": ("func f() {\n\tif a {\n\t} else {\n", "\t\ta(1)\n", "\t\tx := <|>\n", "\t}\n}\n"),
    "c": ("static int\nf(void)\n{\n", "    a(1);\n", "    int x = <|>;\n", "}\n"),
    "cpp": ("class A {\n  void f() {\n", "    a(1);\n", "    int x = <|>;\n", "  }\n};\n"),
    "kotlin": ("class A {\n    fun f() {\n", "        a(1)\n", "        val x = <|>\n", "    }\n}\n"),
    "php": ("<?php\nclass A {\n    function f() {\n", "        a(1);\n", "        $x = <|>;\n", "    }\n}\n"),
    "ruby": ("class A\n  def f\n", "    a(1)\n", "    x = <|>\n", "  end\nend\n"),
}


@pytest.mark.parametrize("language", LONG)
@pytest.mark.parametrize(("n_above", "n_below"), [(2, 2), (300, 2), (2, 300), (300, 300)])
def test_in_the_middle_of_a_long_block_the_right_text_is_told_from_the_wrong(
    language: str, n_above: int, n_below: int
) -> None:
    head, line, place, tail = LONG[language]
    snapshot, offset = at_cursor(f"{head}{line * n_above}{place}{line * n_below}{tail}", language)
    assert first_that_fits(snapshot, offset, ["b(1, (2))", "b"]) == "b(1, (2))"
    assert first_that_fits(snapshot, offset, ["b(1, (2)", "b(1)) }", "b(1)"]) == "b(1)"


@pytest.mark.parametrize("language", LONG)
def test_below_a_header_too_far_up_to_be_seen_the_right_text_is_taken(language: str) -> None:
    head, line, place, tail = LONG[language]
    snapshot, offset = at_cursor(f"{head}{line * 6_000}{place}{line * 300}{tail}", language)
    assert first_that_fits(snapshot, offset, ["b(1, (2))", "b"]) == "b(1, (2))"


def test_what_is_judged_is_the_same_however_often_and_in_whatever_order() -> None:
    text = "def f(:\n  x = [1, (2\n" * 60 + "<|>"
    candidates = ["(((", ")]", "x = 1", "return ("]
    answers = set()
    for order in (candidates, candidates[::-1]):
        snapshot, offset = at_cursor(text)
        answers.add(tuple(sorted((one, first_that_fits(snapshot, offset, [one])) for one in order)))
    assert len(answers) == 1


HOSTILE = {
    "brackets": "([{" * 3_400,
    "nul": "\0" * 5_000,
    "surrogates": 'x="\ud800"' * 1_000,
    "one line": "x=(1,'a');" * 500_000,
    "blank lines": "\n" * 50_000,
    "blanks": " " * 50_000,
    "quotes": "\"'`" * 3_000,
    "backslashes": '"' + "\\" * 9_000,
    "carriage returns": "def f():\r" * 2_000,
    "empty": "",
}


@pytest.mark.parametrize("language", [row.name for row in LANGUAGES] + ["cobol"])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_survived(language: str, text: str) -> None:
    snapshot = Snapshot("file:///a", "a", language, 1, text)
    for offset in (0, len(text) // 2, len(text)):
        place = look(snapshot, offset)
        assert not (place.in_comment and place.in_string)
        assert first_that_fits(snapshot, offset, ["x"]) in ("x", None)
    # What was stopped half-way must not show in the next document.
    assert look(Snapshot("file:///b", "b", "python", 1, "x = f'a'"), 7).in_string


@given(st.sampled_from([row.name for row in LANGUAGES]), st.text(max_size=200), st.data())
@settings(max_examples=150, deadline=None)
def test_look_stands_any_text(language: str, text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    place = look(Snapshot("file:///a", "a", language, 1, text), offset)
    assert not (place.in_comment and place.in_string)
    assert place.empty_body is None or not (place.in_comment or place.in_string)


@pytest.mark.parametrize(
    ("language", "text", "scopes", "imports"),
    [
        (
            "python",
            "import a\nfrom b import c\n\n@d\nclass É:\n    def f(self) -> int:\n        # why\n        return 1\n",
            ["class É: class É:", "function f: def f(self) -> int:"],
            ["import a", "from b import c"],
        ),
        (
            "javascript",
            "import a from 'b';\nclass A { m() {} }\nconst f = (x) => { g(); };\nxs.map((x) => x.id);\n",
            ["class A: class A", "function m: m()", "function f: (x) =>"],
            ["import a from 'b';"],
        ),
        (
            "typescript",
            "namespace N { interface I { a: string } }\nfunction f(x: number): string { return ''; }\n",
            ["module N: namespace N", "class I: interface I", "function f: function f(x: number): string"],
            [],
        ),
        (
            "go",
            'import "fmt"\nfunc (s *S) F() int { return 1 }\n',
            ["function F: func (s *S) F() int"],
            ['import "fmt"'],
        ),
        (
            "rust",
            "use a::b;\nimpl T for S { fn f(&self) {} }\nmod tests;\n",
            ["class S: impl T for S", "function f: fn f(&self)"],
            ["use a::b;"],
        ),
        (
            "java",
            "import a.b;\nclass A { A() {} void m(int x) {} }\n",
            ["class A: class A", "function A: A()", "function m: void m(int x)"],
            ["import a.b;"],
        ),
        (
            "c",
            "#include <a.h>\nstruct s { int a; };\nstatic int *f(struct s *x) { return 0; }\n",
            ["class s: struct s", "function f: static int *f(struct s *x)"],
            ["#include <a.h>"],
        ),
        (
            "cpp",
            "#include <a>\nnamespace n { class C { int f() const { return 1; } }; }\n",
            ["module n: namespace n", "class C: class C", "function f: int f() const"],
            ["#include <a>"],
        ),
        (
            "csharp",
            "using System;\nclass A { void M() { } }\n",
            ["class A: class A", "function M: void M()"],
            ["using System;"],
        ),
        (
            "ruby",
            "require 'a'\nmodule M\n  def m(x)\n    1\n  end\nend\n",
            ["module M: module M", "function m: def m(x)"],
            ["require 'a'"],
        ),
        (
            "php",
            "<?php\nuse B\\C;\nclass K { public function m($a): int { return 1; } }\n",
            ["class K: class K", "function m: public function m($a): int"],
            ["use B\\C;"],
        ),
        (
            "kotlin",
            "import a.b\nclass A {\n    fun m(): Int {\n        return 1\n    }\n}\n",
            ["class A: class A", "function m: fun m(): Int"],
            ["import a.b"],
        ),
        (
            "scala",
            "import a.b\nobject O { def f(): Int = 1 }\n",
            ["class O: object O", "function f: def f(): Int ="],
            ["import a.b"],
        ),
        (
            "lua",
            "local x = require('a')\nfunction M.g(a)\n  return a\nend\n",
            ["function M.g: function M.g(a)"],
            ["require('a')"],
        ),
        ("shellscript", "source a.sh\nf() {\n  g\n}\n", ["function f: f()"], ["source a.sh"]),
    ],
)
def test_outline(language: str, text: str, scopes: list[str], imports: list[str]) -> None:
    outline = check_outline(language, text, scopes, imports)
    assert outline.n_errors == 0
    assert pickle.loads(pickle.dumps(outline)) == outline


def test_enclosing_scopes_are_outermost_first() -> None:
    text = "class A:\n    def f(self):\n        return 1\n\nx = 2\n"
    outline = check_outline("python", text, ["class A: class A:", "function f: def f(self):"])
    assert [scope.name for scope in outline.enclosing(text.index("return"))] == ["A", "f"]
    assert outline.enclosing(text.index("x = 2")) == ()


PYTHON = next(row for row in LANGUAGES if row.name == "python")
PIECES = st.sampled_from(
    ["def f():\n", "    ", "\n", "class A:\n", "x", "é", "🎉", "(", ")", "'", '"""', "#", "\r", "\0"]
)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_an_edited_tree_says_what_a_new_one_says(data: st.DataObject) -> None:
    """After any edits the text decides; where the text is clean, reparsing in pieces finds what a fresh parse finds."""
    text = "".join(data.draw(st.lists(PIECES, max_size=20)))
    tree = IncrementalTree(PYTHON, text.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, len(text)))
        new = "".join(data.draw(st.lists(PIECES, max_size=4)))
        tree.edit(len(text[:start].encode()), len(text[:end].encode()), new.encode())
        text = text[:start] + new + text[end:]
        tree.outline(GENEROUS_MS)
    fresh = IncrementalTree(PYTHON, text.encode()).outline(GENEROUS_MS)
    assert fresh is not None
    edited = tree.outline(GENEROUS_MS)
    assert edited is not None
    assert all(0 <= scope.start <= scope.header_end <= scope.end <= len(text) for scope in edited.scopes)
    if fresh.n_errors == 0:
        assert edited == fresh


@given(st.data())
def test_shifted_places_keep_to_their_characters(data: st.DataObject) -> None:
    text = "import a\nclass A:\n    def f(self):\n        return 1\n"
    outline = IncrementalTree(PYTHON, text.encode()).outline(GENEROUS_MS)
    assert outline is not None
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    edit = Edit(start, end, data.draw(st.text(max_size=5)))
    after = text[:start] + edit.text + text[end:]
    shifted = outline.shifted(edit)
    for old, new in zip(
        [*outline.imports, *(Span(scope.start, scope.end) for scope in outline.scopes)],
        [*shifted.imports, *(Span(scope.start, scope.end) for scope in shifted.scopes)],
        strict=True,
    ):
        assert 0 <= new.start <= new.end <= len(after)
        if end < old.start or start > old.end:
            assert after[new.start : new.end] == text[old.start : old.end]
        if old.start < start and end < old.end:
            assert after[new.start : new.end] == text[old.start : start] + edit.text + text[end : old.end]


@pytest.mark.parametrize("text", ["- " * 5_000, "? " * 5_000, "".join(" " * n + "a:\n" for n in range(400))])
def test_a_text_that_would_crash_its_grammar_is_not_parsed(text: str) -> None:
    """By a process of its own, since the crash would be this one's."""
    code = "import sys; from context.soundness import outline_of; print(outline_of(sys.stdin.read(), 'yaml'))"
    ran = subprocess.run([sys.executable, "-c", code], input=text, capture_output=True, text=True, check=True)
    assert ran.stdout == "None\n"


def test_deep_but_ordinary_text_is_parsed() -> None:
    text = "".join("  " * n + "a:\n" for n in range(90)) + f"x: {'y' * 5_000}\n- " * 3
    assert is_parsable("yaml", text.encode())
    assert is_parsable("python", b"- " * 5_000)


@pytest.mark.parametrize("n_steps", [0, 3, 1_000_000], ids=["stopped at once", "stopped", "whole"])
def test_a_parse_keeps_nothing_of_its_text(n_steps: int) -> None:
    language = find("python")
    assert language is not None
    source = bytes(bytearray(b"total = (price * amount\n" * 4_000))
    steps = iter(range(1_000_001))
    n_before = sys.getrefcount(source)
    tracemalloc.start()
    try:
        for _ in range(3):
            tree = parse(language, source, lambda _byte, _has_error: next(steps) >= n_steps)
            assert (tree is None) == (n_steps < 1_000_000)
        del tree
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sys.getrefcount(source) == n_before
    assert kept < len(source)
