"""What of a raw answer is shown."""

from __future__ import annotations

import pytest
import tree_sitter
from hypothesis import given, settings
from hypothesis import strategies as st
from marks import at_cursor, inserted

from context import Snapshot
from context.languages import Language, find
from context.syntax import look
from lsp_server.completion.postprocess import at_deadline, first_lines, is_whole, refine, release
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
    ("language", "text", "arrived"),
    [
        ("python", "def f():\n    ├a = 1\n    b = 2┤\n", "a = 1\n    b = 2\n    ret"),
        ("python", "def f():\n    ├a = 1┤\n", "a = 1\n    for n in a:\n"),
        ("python", "def f():\n    ├for n in a:\n        b(n)┤\n", "for n in a:\n        b(n)\n        c"),
        ("python", "def f():\n    ├a = 1┤\n", "a = 1\n    b(\n        1,\n        2,\n"),
        ("python", "def f():\n    ├a = 1┤\n", "a = 1\n    try:\n        b()\n"),
        (
            "python",
            "def f():\n    ├try:\n        b()\n    except E:\n        c()┤\n",
            "try:\n        b()\n    except E:\n        c()\n",
        ),
        ("python", "class A:\n    ├a = 1┤\n", "a = 1\n\n    @property\n"),
        ("python", "def f():\n    ├a = 1┤\n", "a = 1\n    # 合計 🎉\n"),
        ("python", "def f():\n    ├a = 1┤\n", 'a = 1\n    b = """two\n    lines\n'),
        ("python", "def f():\n    ├┤\n", "a = 1"),
        ("python", "def f():\n    ├┤\n", "\n"),
        ("typescript", "function f() {\n  ├const a = '合';┤\n}\n", "const a = '合';\n  if (a) {\n    b();\n"),
        ("typescript", "function f() {\n  ├if (a) {\n    b();\n  }┤\n}\n", "if (a) {\n    b();\n  }\n  ret"),
        ("rust", "mod a {\n    ├use b;┤\n}\n", "use b;\n    #[inline]\n"),
        ("unknown", "x =├┤\n", " sum(\n    1,\n"),
    ],
)
def test_first_lines_stand_alone(language: str, text: str, arrived: str) -> None:
    marked, expected = inserted(text)
    snapshot, offset = at_cursor(marked, language)
    assert (first_lines(arrived, snapshot, offset, _trigger(marked, language, 12)) or "") == expected


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


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (" total = 0\n    for n in items:\n        tot", " total = 0\n    for n in items:"),
        ("total = 0\n", "total = 0"),
        ("total = ", ""),
        ("total = sum(items)", ""),
        ("", ""),
        ("\n    tot", ""),
        ("\n    total = 0\n    ret", "\n    total = 0"),
        ("\n\n", ""),
        ("foo(a,\n    b", "foo(a,"),
        ("価格 = 1\n数", "価格 = 1"),
    ],
)
def test_at_the_deadline_the_lines_that_are_whole_are_kept(text: str, kept: str) -> None:
    assert at_deadline(text) == kept


@pytest.mark.parametrize(
    ("language", "text", "raw"),
    [
        ("python", "def add(items):\n    ├total = 0┤\n", "total = 0\n    for n in items:\n        tot"),
        ("python", "def add(items):\n    ├┤\n", "total = su"),
        ("python", "x = ├foo┤\n", "foo(a,\n    b"),
        ("python", "x = ├foo(a)┤\n", "foo(a)\ny"),
        ("typescript", "function f() {\n  ├g();┤\n}\n", "g();\n  if (a) {\n    h();\n  } el"),
    ],
)
def test_what_was_kept_at_the_deadline_is_shown_as_far_as_it_can_stand(language: str, text: str, raw: str) -> None:
    check_shown(text, at_deadline(raw), language=language)


# One statement to its end: `more` is what the model went on with.


@pytest.mark.parametrize(
    ("language", "text", "more"),
    [
        ("python", "def f():\n    x = ├1┤\n\ndef g():\n    pass\n", "\n    return x\n"),
        ("python", "x = foo(├a,\n        b)┤\n", "\ny = 2\n"),
        ("python", "x = foo(\n    a,\n├    b,\n)┤\n", "\ny = 2\n"),
        ("python", "x = foo(\n    a,\n    ├b,┤\n)\n", "\n)\ny = 2\n"),
        ("python", "x = ├[\n    1,\n    2,\n]┤\n", "\ny = [3]\n"),
        ("python", "x = ├{\n    'a': {'b': 1},\n}┤\n", "\nprint(x)\n"),
        ("python", "x = ├a + \\\n    b┤\n", "\ny = 2\n"),
        ("python", "x = ├(a\n     + b)┤\n", "\nprint(x)\n"),
        ("python", "├@cache\ndef f():\n    return 1┤\n\n\ny = f()\n", "\n\n\ndef g():\n    return 2\n"),
        ("python", "y = 1\n├for x in y:\n    print(x)┤\nz = 2\n", "\nprint(y)\n"),
        ("python", "y = 1\n├if y:\n    a()\nelse:\n    b()┤\nz = 2\n", "\nc()\n"),
        ("python", "y = 1\n├try:\n    a()\nexcept E:\n    b()\nfinally:\n    c()┤\nz = 2\n", "\nd()\n"),
        ("python", "y = 1\n├if y:\n    a()\n\n    b()┤\nz = 2\n", "\n\nc()\n"),
        ("python", "def ├f(a, b):┤\n    return a + b\n", "\n    return b\n"),
        ("python", "def ├f(\n    a,\n    b,\n):┤\n    return a + b\n", "\n    return b\n"),
        ("python", "for ├x in y:┤\n    print(x)\n", "\n    pass\n"),
        ("python", "def f(a):├\n    return a┤\n\n\nx = 1\n", "\n\n\ndef g():\n    pass\n"),
        ("python", "s = ├'''\na = (\n'''┤\n", "\ny = 2\n"),
        ("python", "s = ├'('┤\n", "\ny = 2\n"),
        ("python", "x = ├1  # (┤\n", "\ny = 2\n"),
        ("python", 'print(├f"{a}",\n      b)┤\nx = 1\n', "\ny = 2\n"),
        ("typescript", "function f() {\n  const x = ├1;┤\n  return x;\n}\n", "\n  const y = 2;\n"),
        ("typescript", "function f() {\n  const x = ├1┤\n  return x\n}\n", "\n  const y = 2\n"),
        ("typescript", "function f() {\n  return ├a\n    .map(b)\n    .filter(c);┤\n}\n", "\n  const y = 2;\n"),
        ("typescript", "function f() {\n  return ├a &&\n    b;┤\n}\n", "\n  const y = 2;\n"),
        ("typescript", "function f() {\n  return ├a\n    ? b\n    : c;┤\n}\n", "\n  const y = 2;\n"),
        ("typescript", "const o = ├{\n  a: 1,\n  b: [2],\n};┤\n", "\nconst p = 2;\n"),
        ("typescript", "f(├a, (b) => {\n  g(b);\n});┤\n", "\nh();\n"),
        ("typescript", "f(\n  a,\n├  b,\n);┤\n", "\nh();\n"),
        ("typescript", "const x = 1;\n├if (x) {\n  f();\n} else {\n  g();\n}┤\nh();\n", "\ni();\n"),
        ("typescript", "const x = 1;\n├try {\n  f();\n} catch (e) {\n  g();\n}┤\nh();\n", "\ni();\n"),
        ("typescript", "const x = 1;\n├if (x)\n  f();┤\nh();\n", "\ni();\n"),
        ("typescript", "class A {\n  ├f(a: number): void {┤\n    g(a);\n  }\n}\n", "\n    h();\n"),
        ("typescript", "export const f = ├(a: A): B => {┤\n  return a;\n};\n", "\n  return b;\n"),
        ("typescript", "const s = ├`a ${b} (`;┤\nconst t = 1;\n", "\nconst u = 2;\n"),
        ("typescript", "import ├{ a, b } from './c';┤\n", "\nimport { d } from './e';\n"),
        (
            "typescript",
            "function f() {\n  const a = g();\n  return ├a;\n}┤\n\nexport const b = 1;\n",
            "\n\nfunction h() {}\n",
        ),
        ("javascript", "const x = ├await fetch(url, {\n  method: 'GET',\n});┤\n", "\nconst y = 1;\n"),
        ("javascript", "module.exports = ├{\n  a,\n};┤\n", "\nfoo();\n"),
        ("javascript", "const x = ├a ||\n  b;┤\n", "\nfoo();\n"),
        ("javascript", "promise├\n  .then(a)\n  .catch(b);┤\n", "\nfoo();\n"),
        ("javascript", "const f = ├(a) =>\n  a + 1;┤\n", "\nfoo();\n"),
        ("java", "class A {\n  int f() {\n    return ├a;┤\n  }\n}\n", "\n  }\n\n  int g() {\n    return b;\n  }\n"),
        ("java", "class A {\n  void f() {\n    s├\n        .map(a)\n        .collect();┤\n  }\n}\n", "\n    g();\n"),
        ("java", "class A {\n  void f() {\n    g(├a,\n        b);┤\n  }\n}\n", "\n    h();\n"),
        ("java", "class A {\n  void f() {\n    g(\n        a,\n        ├b\n    );┤\n  }\n}\n", "\n    h();\n"),
        (
            "java",
            "class A {\n  ├@Override\n  public int f() {\n    return 1;\n  }┤\n\n  int x;\n}\n",
            "\n\n  int g() {}\n",
        ),
        ("java", "class A {\n  public ├int f(int a) {┤\n    return a;\n  }\n}\n", "\n    return 2;\n"),
        ("java", "class A {\n  void f() {\n    ├if (a) {\n      g();\n    }┤\n    h();\n  }\n}\n", "\n    i();\n"),
        ("csharp", "class A {\n    public ├int F()\n    {┤\n        return 1;\n    }\n}\n", "\n        return 2;\n"),
        ("csharp", "class A {\n    int X\n├        => 1;┤\n}\n", "\n    int Y => 2;\n"),
        ("csharp", "class A {\n    int ├X { get; set; }┤\n}\n", "\n\n    int Y { get; set; }\n"),
        (
            "csharp",
            "class A {\n    void F()\n    {\n        var x = ├a\n            .B()\n            .C();┤\n    }\n}\n",
            "\n        D();\n",
        ),
        (
            "csharp",
            "class A {\n  void F()\n  {\n    ├if (a)\n    {\n      G();\n    }┤\n    H();\n  }\n}\n",
            "\n    I();\n",
        ),
        ("go", "package a\n\nfunc f() int {\n\tx := ├1┤\n\treturn x\n}\n", "\n\ty := 2\n"),
        (
            "go",
            "package a\n\nfunc f() error {\n\terr := g()\n\t├if err != nil {\n\t\treturn err\n\t}┤\n\treturn nil\n}\n",
            "\n\th()\n",
        ),
        ("go", "package a\n\nfunc f() {\n\tg(├a,\n\t\tb)┤\n}\n", "\n\th()\n"),
        ("go", "package a\n\nfunc f() {\n\tx := ├T{\n\t\tA: 1,\n\t}┤\n\tg(x)\n}\n", "\n\th()\n"),
        ("go", "package a\n\nfunc ├f(a int) int {┤\n\treturn a\n}\n", "\n\treturn 2\n"),
        ("rust", "fn f() -> i32 {\n    let x = ├1;┤\n    x\n}\n", "\n    let y = 2;\n"),
        (
            "rust",
            "fn f() {\n    let x = ├a\n        .iter()\n        .map(|b| b + 1)\n        .collect();┤\n}\n",
            "\n    g();\n",
        ),
        (
            "rust",
            "fn f() {\n    ├match a {\n        1 => b(),\n        _ => c(),\n    }┤\n    g();\n}\n",
            "\n    h();\n",
        ),
        ("rust", "├#[derive(Debug)]\nstruct A {\n    b: i32,\n}┤\n\nfn f() {}\n", "\n\nstruct B;\n"),
        ("rust", "fn ├f<'a>(a: &'a str) -> &'a str {┤\n    a\n}\n", "\n    b\n"),
        ("cpp", "void f() {\n  int x = ├g(a,\n            b);┤\n}\n", "\n  h();\n"),
        ("cpp", "├template <typename T>\nT f(T a) {\n  return a;\n}┤\n\nint x;\n", "\n\nint g();\n"),
        ("cpp", "void f() {\n  std::cout << ├a\n            << b;┤\n}\n", "\n  h();\n"),
        ("c", "int f(void)\n{\n    ├for (int i = 0; i < 3; i++)\n        g(i);┤\n    return 0;\n}\n", "\n    h();\n"),
        ("c", "int ├f(int a)\n{┤\n    return a;\n}\n", "\n    return 2;\n"),
        ("ruby", "def f\n  x = ├1┤\n  x\nend\n", "\n  y = 2\n"),
        ("ruby", "def f\n  ├a.each do |b|\n    g(b)\n  end┤\n  x\nend\n", "\n  h\n"),
        ("ruby", "def f\n  ├if a\n    b\n  else\n    c\n  end┤\n  x\nend\n", "\n  h\n"),
        ("ruby", "x = ├foo(a,\n        b)┤\ny = 1\n", "\nz = 2\n"),
        ("php", "<?php\nfunction f() {\n    $x = ├g($a,\n        $b);┤\n    return $x;\n}\n", "\n    h();\n"),
        ("php", "<?php\nfunction f() {\n    return $a├\n        ->b()\n        ->c();┤\n}\n", "\n    h();\n"),
        (
            "kotlin",
            "fun f() {\n    val x = ├a\n        .map { it + 1 }\n        .first()┤\n    g(x)\n}\n",
            "\n    h()\n",
        ),
        ("kotlin", "fun f() {\n    ├if (a) {\n        g()\n    }┤\n    h()\n}\n", "\n    i()\n"),
        ("lua", "local x = ├f(a,\n  b)┤\nreturn x\n", "\nlocal y = 2\n"),
        ("lua", "local y = 1\n├if y then\n  f()\nend┤\nreturn y\n", "\ng()\n"),
        ("bash", "x=1\n├if true; then\n  echo a\nfi┤\necho b\n", "\necho c\n"),
        ("bash", "echo ├a \\\n  b┤\necho c\n", "\necho d\n"),
        ("python", 'class A:\n    ├"""Says so."""┤\n\n    b: int\n', "\n    c: int\n"),
        ("python", 'def f():\n    ├"""\n    Says so.\n    """┤\n    return 1\n', "\n    x = 1\n"),
        ("python", 'class A:\n    """A ├source file."""┤\n\n    b: int\n', "\n    c: int\n"),
        ("python", "x = {\n    'a': 1,\n    ├'b': 2,┤\n    'c': 3,\n}\n", "\n    'd': 4,\n"),
        ("typescript", "const o = {\n  a: 1,\n  ├b: 2,┤\n  c: 3,\n};\n", "\n  d: 4,\n"),
        ("typescript", "f(\n  a,\n  ├b,┤\n  c,\n);\n", "\n  d,\n"),
        ("typescript", "function f() {\n  const a = ├1,\n    b = 2;┤\n}\n", "\n  g();\n"),
        ("java", "enum A {\n    B,\n    ├C,┤\n    D\n}\n", "\n    E,\n"),
        ("rust", "struct A {\n    b: ├Arc<C>,┤\n    d: E,\n}\n", "\n    f: G,\n"),
        ("go", "package a\n\nvar x = T{\n\tA: 1,\n\t├B: 2,┤\n\tC: 3,\n}\n", "\n\tD: 4,\n"),
        ("c", "enum a {\n    B,\n    ├C,┤\n    D,\n};\n", "\n    E,\n"),
        (
            "c",
            "void f(void)\n{\n    ├if (a)\n        g();\n    else if (b)\n        h();"
            "\n    else\n        i();┤\n    j();\n}\n",
            "\n    k();\n",
        ),
        ("c", "static ├inline int\nf(int a)\n{\n    return a;\n}┤\n\nint b;\n", "\n\nint g(void);\n"),
        ("c", "void f(void)\n{\n    ├for (;;)\n        g();┤\n    h();\n}\n", "\n    i();\n"),
        ("cpp", "struct A {\n  A(├int b)\n      : c(b),\n        d(b)\n  { }┤\n\n  int e;\n};\n", "\n  int f;\n"),
        ("cpp", "struct A {\n  A(├) :\n    c(1)\n  {}┤\n\n  int e;\n};\n", "\n  int f;\n"),
        ("java", "class A {\n  int[] b = ├new int[]\n  {\n    1, 2\n  };┤\n  int c;\n}\n", "\n  int d;\n"),
        ("java", "class A {\n  void f() {\n    ├if (b) g();\n    else h();┤\n    i();\n  }\n}\n", "\n    j();\n"),
        ("yaml", "a:\n  b: ├1┤\n  c: 2\n", "\n  d: 3\n"),
        ("no-such-language", "x = ├foo(a,\n  b)┤\n", "\ny = 2\n"),
    ],
)
def test_a_statement_goes_to_its_end_and_no_further(language: str, text: str, more: str) -> None:
    check_shown(text, inserted(text)[1] + more, language=language)


@pytest.mark.parametrize(
    ("language", "text", "raw"),
    [
        ("typescript", "foo(├a┤, b);\n", "a\n  + c"),
        ("typescript", "const x = ├y┤;\n", "y;\nconst z = 1;\n"),
        ("python", "x = foo(├a,┤)\n", "a,\n    b,\n)"),
        ("python", "x = [├1, 2┤]\n", "1, 2\n]\n"),
        ("go", "package a\n\nvar x = f(├1┤)\n", "1)\n\nvar y = 2\n"),
        ("java", "class A { int x = f(├1┤); }\n", "1); }\nclass B {}\n"),
        ("rust", "fn f() { g(├a┤); }\n", "a);\n    h();\n"),
        ("python", "# a note ├on this┤\nx = 1\n", "on this\n# and that\ny = 2\n"),
        ("typescript", "// a note ├on this┤\nconst x = 1;\n", "on this\nconst y = 2;\n"),
    ],
)
def test_in_mid_line_the_line_is_not_left(language: str, text: str, raw: str) -> None:
    check_shown(text, raw, language=language)


@pytest.mark.parametrize(
    ("language", "text", "raw"),
    [
        ("typescript", "function f() {\n  ├┤\n  return 1;\n}\n", "if (a) {\n" + "    g();\n" * 2),
        ("typescript", "function f() {\n  const x = ├a┤;\n}\n", "a)"),
        ("java", "class A {\n  void f() {\n    int x = ├g┤;\n  }\n}\n", "g("),
        ("python", "def f():\n    ├x = 1┤\n", "x = 1\n    y = (2\n"),
        ("go", "package a\n\nfunc f() {\n\tx := ├1┤\n}\n", "1)\n"),
        ("rust", "fn f() {\n    ├g();┤\n}\n", "g();\n    h(\n"),
        ("java", "class A {\n  int b;\n  ├┤\n  int c;\n}\n", "/**\n   * The next one.\n"),
        ("python", "x = 1\n├┤\ny = 2\n", '"""\nSays so.\n'),
    ],
)
def test_what_would_not_parse_is_cut_shorter(language: str, text: str, raw: str) -> None:
    check_shown(text, raw, language=language)


@pytest.mark.parametrize(
    ("language", "text", "raw"),
    [
        ("python", "x = ├1┤\n", "1<|endoftext|>"),
        ("python", "x = ├1┤\n", "1<|fim_middle|> + 2"),
        ("python", "x = ├1┤\n", "1<|file_sep|>b.py\ny = 2"),
        ("python", "x = ├1┤\n", "1<fim_suffix>\n"),
        ("python", "x = ├1┤\n", "1<EOT>"),
        ("python", "x = ├1┤\n", "1<｜fim▁end｜>"),
        ("typescript", "const x = ├1;┤\n", "1;<|im_end|>\n"),
        ("python", "├┤\n", "<|endoftext|>"),
        ("python", "x = ├a <b> c┤\n", "a <b> c\n"),
        ("html", "<p>├</s>┤\n", "</s>\n<p>"),
    ],
)
def test_the_marks_of_a_format_are_not_shown(language: str, text: str, raw: str) -> None:
    check_shown(text, raw, language=language)


@pytest.mark.parametrize(
    ("language", "text", "raw"),
    [
        ("python", "├x = 1┤\n", "```python\nx = 1\n```\n"),
        ("python", "├x = 1┤\n", "```\nx = 1\n```\nThis sets x."),
        ("go", "package a\n\n├var x = 1┤\n", "```go\nvar x = 1\n```"),
        ("python", "def f():\n    ├x = 1\n    return x┤\n", "```py\nx = 1\n    return x\n```\n"),
    ],
)
def test_a_fence_around_the_code_is_taken_off(language: str, text: str, raw: str) -> None:
    check_shown(text, raw, language=language)


@pytest.mark.parametrize(
    ("language", "text", "raw"),
    [
        ("python", "def f():\n    ├x = 1\n    y = 2┤\n", "x = 1\n\ty = 2\n"),
        ("python", "class A:\n  def f(self):\n    ├x = 1\n    y = 2┤\n", "x = 1\n\t\ty = 2\n"),
        ("go", "package a\n\nfunc f() {\n\t├x := 1\n\tg(x)┤\n}\n", "x := 1\n    g(x)\n}"),
        ("go", "package a\n\nfunc f() {\n\t├if a {\n\t\tg()\n\t}┤\n}\n", "if a {\n        g()\n    }\n}"),
        ("java", "class A {\n\tvoid f() {\n\t\t├g();\n\t\th();┤\n\t}\n}\n", "g();\n        h();\n    }\n"),
        ("typescript", "function f() {\n  if (a) {\n    ├g();\n    h();┤\n  }\n}\n", "g();\n\t\th();\n\t}\n"),
        ("python", "def f():\n    ├return 1┤\n", "    return 1\n"),
        ("typescript", "function f() {\n  ├return 1;┤\n}\n", "  return 1;\n}\n"),
        ("typescript", "function f() {\n  g();\n├  h();┤\n}\n", "\n  h();\n}\n"),
    ],
)
def test_the_indentation_is_the_documents(language: str, text: str, raw: str) -> None:
    check_shown(text, raw, language=language)


@pytest.mark.parametrize(
    ("language", "text", "raw"),
    [
        ("python", "def f():\n    ├a = 1┤\n    return a + b\n", "a = 1\n    return a + b\n"),
        ("python", "def f():\n    if x:\n        ├a = 1┤\n    return a + b\n", "a = 1\n        return a + b\n"),
        ("python", "def f():\n    ├a = 1┤\n\n\ndef other_function(b):\n    pass\n", "a = 1\n\n\ndef other_func"),
        ("python", "def f():\n    x = 1\n    ├┤\n    y = 2\n    z = 3\n", "y = 2\n    z = 3\n"),
        ("typescript", "function f() {\n  ├a();┤\n}\nfoo();\n", "a();\n}\nfoo();\n"),
        ("typescript", "f(() => {\n  ├a();┤\n});\n", "a();\n});\n"),
        ("java", "class A {\n  void f() {\n    System.out.├┤\n\n    System.out.println();\n  }\n}\n", "println();\n"),
        ("go", "package a\n\nfunc f() {\n\t├┤\n\tg(1)\n}\n", "g(1)\n}\n"),
        ("python", "class A:\n    def f(self):\n        ├a = 1┤\n        return a\n", "a = 1\n        return a\n"),
        ("typescript", "f(() => {\n    ├a();┤\n    b();\n});\n", "a();\n    b();\n});\n"),
        ("ruby", "def f\n  ├a┤\nend\n", "a\nend\n"),
        ("lua", "function f()\n  ├a()┤\nend\n", "a()\nend\n"),
        ("python", "価格 = 1\n├┤\n合計 = 価格 * 数量\n", "合計 = 価格 * 数量\n"),
    ],
)
def test_what_follows_is_not_said_again(language: str, text: str, raw: str) -> None:
    check_shown(text, raw, language=language)


@pytest.mark.parametrize(
    ("language", "text", "raw"),
    [
        (
            "python",
            "def f():\n    ├a(1, 'first')\n    b(2, 'second')┤\n",
            "a(1, 'first')\n    b(2, 'second')\n    " * 4,
        ),
        ("python", "def f():\n    ├g()\n    g()\n    g()┤\n", "g()\n    " * 9),
        ("python", "# ├abc, def,┤\nx = 1\n", "abc, def, " * 12),
        ("python", "def f():\n    ├a = 1┤\n", "a = 1\n    # Now a is one.\n    # It may be used.\n"),
        ("python", "├a = 1┤\n", "a = 1\n# That was it.\n"),
        ("python", "├# the first\nx = 1┤\n", "# the first\nx = 1\ny = 2\n"),
        ("typescript", "function f() {\n  ├g();┤\n}\n", "g();\n  // Done.\n}\n"),
        ("go", "package a\n\nfunc f() {\n\t├g()┤\n}\n", "g()\n\t// one\n\t// two\n\t// three\n\t// four\n\th()\n}\n"),
        ("python", "def f():\n    ├return 1┤\n", "return 1\n    x = 2\n    return x\n"),
        ("python", "for a in b:\n    ├continue┤\n", "continue\n    print(a)\n"),
        ("typescript", "function f() {\n  ├throw new Error('x');┤\n}\n", "throw new Error('x');\n  g();\n}\n"),
        ("python", "def f():\n    ├return (\n        1\n    )┤\n", "return (\n        1\n    )\n"),
        (
            "java",
            "class A {\n  int[] f()\n  {\n    ├return new int[]\n    {\n      1, 2\n    };┤\n  }\n}\n",
            "return new int[]\n    {\n      1, 2\n    };\n    return b;\n  }\n",
        ),
        ("python", "def f(self):\n    ├self.count = count┤\n", "self.count = count\n    self.coun"),
        ("python", "x = a.├┤\ny = 2\n", "\n# Generated by a tool\nimport b\n"),
    ],
)
def test_an_answer_that_goes_in_circles_or_into_prose_is_cut(language: str, text: str, raw: str) -> None:
    check_shown(text, raw, language=language)


@pytest.mark.parametrize(
    ("language", "text", "raw"),
    [
        ("python", "x = ├foo(a, b)┤\ny = 1\n", "foo(a, b"),
        ("python", "x = ├[f(1), {'a': 2}]┤\ny = 1\n", "[f(1), {'a': 2"),
        ("typescript", "return ├get(`https://example.com/a?${b}&`)┤\n", "get(`https://example.com/a?${b}&"),
        ("java", 'class A {\n  void f() {\n    ├g("a b");┤\n  }\n}\n', 'g("a b'),
        ("java", "class A {\n  void f() {\n    ├g(h(1));┤\n  }\n}\n", "g(h(1"),
        ("python", "foo(├[a]┤)\n", "[a"),
    ],
)
def test_what_broke_off_within_its_line_is_closed(language: str, text: str, raw: str) -> None:
    check_shown(text, raw, language=language)


@pytest.mark.parametrize(
    ("language", "text", "raw"),
    [
        ("python", "print('├hello┤')\n", "hello')\nprint('bye')\n"),
        ("python", "x = Literal['├a┤'\ny = 1\n", "a']\ny = 1\n"),
        ("python", "x = ['├a┤', 'c']\n", "a', 'b']\n"),
        ("typescript", "import x from '├./src/app┤';\n", "./src/app';\nimport y from 'y';\n"),
        ("typescript", "import x from ├'/src/app';┤\n", "'/src/app';\n"),
        ("go", 'package a\n\nimport "├fmt┤"\n', 'fmt"\n'),
        ("python", "合計 = 計算('├数量┤', 税)\n", "数量', 税)\n"),
        ("python", "x = ├a┤  # 漢字\n", "a  # 漢字\n"),
    ],
)
def test_a_string_ends_where_the_document_ends_it(language: str, text: str, raw: str) -> None:
    check_shown(text, raw, language=language)


@pytest.mark.parametrize(
    ("language", "text", "raw"),
    [
        ("typescript", "foo(a├)┤\n", ")"),
        ("typescript", "foo(a├);┤\nbar();\n", ");\nbaz();\n"),
        ("typescript", "function f() {\n  g();\n├}┤\n", "}\n"),
        ("python", "x = [1, 2├]┤\n", "]\n"),
        ("ruby", "def f\n  1\n├end┤\n", "end\n"),
        ("python", "名前 = ├'漢字'┤\n", "'漢字'\n値 = 1\n"),
        ("python", "s = ├'😀'┤\n", "'😀'\nt = '🙂'\n"),
        ("typescript", "const x = ├[\n  '😀',\n];┤\r\nfoo();\r\n", "[\r\n  '😀',\r\n];\r\nbar();\r\n"),
        ("python", "def f():\r\n    ├if a:\n        b()┤\r\n    return 1\r\n", "if a:\r\n        b()\r\n    c()\r\n"),
        ("go", "package a\r\n\r\nfunc f() {\r\n\t├g()┤\r\n}\r\n", "g()\r\n}\r\n"),
    ],
)
def test_closing_marks_wide_characters_and_line_breaks(language: str, text: str, raw: str) -> None:
    check_shown(text, raw, language=language)


@pytest.mark.parametrize(
    ("language", "marked", "raw", "n_read"),
    [
        ("python", "x = <|>\n", "foo(1)\ny = 2\n", len("foo(1)\n")),
        ("python", "x = <|>\n", "foo(\n    1)\ny = 2\n", len("foo(\n    1)\n")),
        ("typescript", "const x = <|>\n", "foo(1);\nconst y = 2;\n", len("foo(1);\n")),
        ("typescript", "const x = <|>\n", "foo(1)\nconst y = 2;\n", len("foo(1)\nco")),
        ("typescript", "const x = <|>;\n", "foo(1)\nconst y = 2;\n", len("foo(1)\n")),
        ("typescript", "const x = <|>\n", "foo()\n  .then(a)\nb", len("foo()\n  .then(a)\nb")),
        ("go", "package a\n\nfunc <|>\n\treturn 1\n}\n", "f() int {\n\treturn 2\n", len("f() int {\n")),
        ("python", "x = <|>\n", "1<|endoftext|>\n", len("1<|endoftext|>")),
    ],
)
def test_a_stream_is_read_no_further_than_its_statement(language: str, marked: str, raw: str, n_read: int) -> None:
    snapshot, offset = at_cursor(marked, language)
    trigger = _trigger(marked, language, 12)
    first = next(n for n in range(len(raw) + 1) if is_whole(raw[:n], snapshot, offset, trigger))
    assert first == n_read


WHOLE = {
    "python": "import a\n\n\nclass A:\n    def f(self, b):\n        if b:\n            return g('x', [1])\n",
    "typescript": "export class A {\n  f(b: string): void {\n    if (b) {\n      g(`x ${b}`, [1]);\n    }\n  }\n}\n",
    "javascript": "const f = (a) => {\n  return a.map((b) => {\n    return { b: 'x' };\n  });\n};\n",
    "go": 'package a\n\nfunc f(b int) error {\n\tif b > 0 {\n\t\treturn g("x", []int{1})\n\t}\n\treturn nil\n}\n',
    "rust": 'fn f(b: Option<u8>) -> u8 {\n    match b {\n        Some(c) => g("x", [c]),\n    }\n}\n',
    "java": 'class A {\n  int f(String b) {\n    if (b == null) {\n      g("x", b);\n    }\n    return 1;\n  }\n}\n',
    "csharp": 'class A\n{\n    int F(string b)\n    {\n        var c = G("x", b);\n        return c;\n    }\n}\n',
    "c": 'int f(char *b)\n{\n    if (!b)\n        return 0;\n    g("x", b[0]);\n    return 1;\n}\n',
    "cpp": 'namespace a {\nclass B {\n  int f() const { return g("x"); }\n  std::vector<int> c;\n};\n}\n',
    "ruby": "class A\n  def f(b)\n    b.each do |c|\n      g('x', [c])\n    end\n  end\nend\n",
    "kotlin": 'class A {\n    fun f(b: Int): Int {\n        val c = g("x", b)\n        return c\n    }\n}\n',
    "php": "<?php\nfunction f($b) {\n    if ($b) {\n        g('x', [$b]);\n    }\n    return 1;\n}\n",
    "lua": "local function f(b)\n  if b then\n    g('x', { 1 })\n  end\n  return 1\nend\n",
}
MORE = [*"()[]{}:;,.'\"\n\t ", "\n    ", "if (a) {", "g(", "return 1", "def f():", "x = ", "// a", "漢", "`", "end"]


def n_errors(language: Language, text: str) -> int:
    """ERROR and MISSING nodes of the whole text, as an editor with the same grammar would mark them."""
    pending, n = [tree_sitter.Parser(language.grammar()).parse(text.encode()).root_node], 0
    while pending:
        node = pending.pop()
        n += node.is_error or node.is_missing
        pending += [child for child in node.children if child.has_error]
    return n


@given(language=st.sampled_from(sorted(WHOLE)), places=st.data(), more=st.lists(st.sampled_from(MORE), max_size=6))
@settings(max_examples=300, deadline=None)
def test_nothing_that_is_shown_adds_a_parse_error(language: str, places: st.DataObject, more: list[str]) -> None:
    whole = WHOLE[language]
    start = places.draw(st.integers(0, len(whole)))
    end = places.draw(st.integers(start, min(len(whole), start + 60)))
    said = places.draw(st.integers(start, len(whole)))
    snapshot = Snapshot("file:///a", "a", language, 1, whole[:start] + whole[end:])
    trigger = decide(snapshot, start, look(snapshot, start), 12, is_invoked=True)
    assert trigger is not None
    shown = refine(whole[start:said] + "".join(more), snapshot, start, trigger) or ""
    row = find(language)
    assert row is not None
    after = snapshot.text[:start] + shown + snapshot.text[start:]
    assert n_errors(row, after) <= n_errors(row, snapshot.text)


PIECES = [*"ab =+()[]{}:,.'\"\n\t ", "é", "漢", "😀", "return", "if "]
CODE = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


@given(before=CODE, after=CODE, raw=CODE)
def test_what_is_shown_is_stable_and_begins_what_the_model_said(before: str, after: str, raw: str) -> None:
    snapshot, offset = at_cursor(before + "<|>" + after)
    trigger = decide(snapshot, offset, look(snapshot, offset), 12, is_invoked=True)
    assert trigger is not None
    shown = refine(raw, snapshot, offset, trigger)
    assert refine(raw, snapshot, offset, trigger) == shown
    if shown is not None:
        assert shown.strip()
        assert shown == shown.rstrip()
        assert refine(shown, snapshot, offset, trigger) == shown
