"""What a model's answer adds to a file of tests, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context import Snapshot
from lsp_server.assist.additions import Addition, Wanted, added
from lsp_server.assist.edits import UnusableError
from lsp_server.assist.frameworks import FRAMEWORKS
from lsp_server.assist.line_diff import applied


def check_added(
    framework: str,
    language: str,
    before: str | None,
    answer: str,
    after: str,
    *,
    name: str = "add",
    clause: str = "",
    break_: str = "\n",
) -> Addition:
    """`before` is the file of tests, None for one that has to be made."""
    row = next(row for row in FRAMEWORKS if row.name == framework and language in row.languages)
    snapshot = None if before is None else Snapshot("file:///t", "t", language, 1, before)
    made = added(Wanted(row, language, (name,), clause), snapshot, answer, break_)
    assert made.text == after
    assert applied(before or "", made.edits) == after
    return made


def check_refused(framework: str, language: str, before: str | None, answer: str, reason: str) -> None:
    with pytest.raises(UnusableError, match=reason):
        check_added(framework, language, before, answer, "")


PYTEST = """\
import pytest
from shop import add, sub


def test_sub():
    assert sub(3, 1) == 2
"""


def test_a_new_file_is_the_answer() -> None:
    answer = "from shop import add\n\n\ndef test_add():\n    assert add(1, 2) == 3  # 合計 🎉"
    made = check_added("pytest", "python", None, answer, f"{answer}\n")
    assert made.tests == ("test_add",)
    check_added("pytest", "python", None, answer, f"{answer}\n".replace("\n", "\r\n"), break_="\r\n")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_an_existing_file_gets_what_is_new_at_its_end(newline: str) -> None:
    answer = "from shop import add\nimport json\n\ndef test_add():\n    assert add(1, 2) == 3  # 合計\n"
    after = PYTEST.replace("add, sub\n", "add, sub\nimport json\n") + (
        "\n\ndef test_add():\n    assert add(1, 2) == 3  # 合計\n"
    )
    before, after = PYTEST.replace("\n", newline), after.replace("\n", newline)
    made = check_added("pytest", "python", before, answer, after)
    assert made.tests == ("test_add",)


def test_a_whole_file_as_answer_adds_what_is_new() -> None:
    answer = PYTEST + "\n\n@pytest.mark.slow\ndef test_add():\n    assert add(1, 2) == 3\n"
    check_added("pytest", "python", PYTEST, answer, answer)


def test_tests_come_before_what_runs_them() -> None:
    before = (
        "import unittest\nfrom shop import add\n\n\nclass A(unittest.TestCase):\n    def test_a(self):\n"
        '        self.assertTrue(1)\n\n\nif __name__ == "__main__":\n    unittest.main()\n'
    )
    new = "class B(unittest.TestCase):\n    def test_add(self):\n        self.assertEqual(add(1, 2), 3)"
    check_added("unittest", "python", before, new, before.replace("if __name__", f"{new}\n\n\nif __name__"))


@pytest.mark.parametrize(
    ("framework", "language", "before", "answer", "after"),
    [
        (
            "vitest",
            "typescript",
            'import { expect, test } from "vitest";\nimport { sub } from "./a";\n\ntest("sub", () => {\n'
            "  expect(sub(3, 1)).toBe(2);\n});\n",
            'import { describe, expect, test } from "vitest";\nimport { add } from "./a";\n\ntest("add", () => {\n'
            "  expect(add(1, 2)).toBe(3);\n});\n",
            'import { expect, test } from "vitest";\nimport { sub } from "./a";\nimport { describe } from "vitest";\n'
            'import { add } from "./a";\n\ntest("sub", () => {\n  expect(sub(3, 1)).toBe(2);\n});\n\n'
            'test("add", () => {\n  expect(add(1, 2)).toBe(3);\n});\n',
        ),
        (
            "Node's test runner (node:test)",
            "javascript",
            'const test = require("node:test");\nconst assert = require("node:assert");\n'
            'const { add } = require("./a");\n\ntest("a", () => assert.ok(add));\n',
            'const test = require("node:test");\nconst assert = require("node:assert");\n\n'
            'test("add", () => {\n  assert.equal(add(1, 2), 3);\n});\n',
            'const test = require("node:test");\nconst assert = require("node:assert");\n'
            'const { add } = require("./a");\n\ntest("a", () => assert.ok(add));\n\n'
            'test("add", () => {\n  assert.equal(add(1, 2), 3);\n});\n',
        ),
        (
            "go test",
            "go",
            'package shop\n\nimport (\n\t"testing"\n)\n\nfunc TestSub(t *testing.T) {\n\tt.Fatal(1)\n}\n',
            'package shop\n\nimport (\n\t"testing"\n\t"strings"\n)\n\nfunc TestAdd(t *testing.T) {\n'
            '\tif add(1, 2) != 3 {\n\t\tt.Fatal(strings.ToUpper("no"))\n\t}\n}\n',
            'package shop\n\nimport (\n\t"testing"\n)\nimport "strings"\n\nfunc TestSub(t *testing.T) {\n'
            "\tt.Fatal(1)\n}\n\nfunc TestAdd(t *testing.T) {\n"
            '\tif add(1, 2) != 3 {\n\t\tt.Fatal(strings.ToUpper("no"))\n\t}\n}\n',
        ),
        (
            "cargo test",
            "rust",
            "fn add(a: i32, b: i32) -> i32 {\n    a + b\n}\n",
            "#[test]\nfn it_adds() {\n    assert_eq!(add(1, 2), 3);\n}\n",
            "fn add(a: i32, b: i32) -> i32 {\n    a + b\n}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n"
            "    #[test]\n    fn it_adds() {\n        assert_eq!(add(1, 2), 3);\n    }\n}\n",
        ),
        (
            "cargo test",
            "rust",
            "fn add() {}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn a() {\n"
            "        assert!(true);\n    }\n}\n",
            "#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn b() {\n"
            "        assert_eq!(add(), ());\n    }\n}\n",
            "fn add() {}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn a() {\n"
            "        assert!(true);\n    }\n\n    #[test]\n    fn b() {\n        assert_eq!(add(), ());\n    }\n}\n",
        ),
        (
            "JUnit 5",
            "java",
            "package x;\n\nimport org.junit.jupiter.api.Test;\n\nclass ATest {\n  @Test\n  void sub() {\n"
            "    assertEquals(1, 1);\n  }\n}\n",
            "package x;\n\nimport org.junit.jupiter.api.Test;\nimport java.util.List;\n\nclass ATest {\n    @Test\n"
            "    void adds() {\n        assertEquals(3, A.add(List.of(1, 2)));\n    }\n}\n",
            "package x;\n\nimport org.junit.jupiter.api.Test;\nimport java.util.List;\n\nclass ATest {\n  @Test\n"
            "  void sub() {\n    assertEquals(1, 1);\n  }\n\n  @Test\n  void adds() {\n"
            "      assertEquals(3, A.add(List.of(1, 2)));\n  }\n}\n",
        ),
        (
            "xUnit",
            "csharp",
            "using Xunit;\n\nnamespace X;\n\npublic class ATests\n{\n    [Fact]\n    public void Sub()\n    {\n"
            "        Assert.Equal(1, 1);\n    }\n}\n",
            "[Fact]\npublic void Adds()\n{\n    Assert.Equal(3, A.add(1, 2));\n}\n",
            "using Xunit;\n\nnamespace X;\n\npublic class ATests\n{\n    [Fact]\n    public void Sub()\n    {\n"
            "        Assert.Equal(1, 1);\n    }\n\n    [Fact]\n    public void Adds()\n    {\n"
            "        Assert.Equal(3, A.add(1, 2));\n    }\n}\n",
        ),
        (
            "PHPUnit",
            "php",
            "<?php\n\nuse PHPUnit\\Framework\\TestCase;\n\nclass ATest extends TestCase\n{\n"
            "    public function testSub(): void\n    {\n        $this->assertSame(1, 1);\n    }\n}\n",
            "<?php\nuse Shop\\A;\n\nclass ATest extends TestCase\n{\n    public function testAdd(): void\n    {\n"
            "        $this->assertSame(3, A::add(1, 2));\n    }\n}\n",
            "<?php\n\nuse PHPUnit\\Framework\\TestCase;\nuse Shop\\A;\n\nclass ATest extends TestCase\n{\n"
            "    public function testSub(): void\n    {\n        $this->assertSame(1, 1);\n    }\n\n"
            "    public function testAdd(): void\n    {\n        $this->assertSame(3, A::add(1, 2));\n    }\n}\n",
        ),
        (
            "RSpec",
            "ruby",
            'require "shop"\n\nRSpec.describe Shop do\n  it "is" do\n    expect(1).to eq(1)\n  end\nend\n',
            'require "shop"\n\nRSpec.describe "add" do\n  it "adds" do\n    expect(add(1, 2)).to eq(3)\n  end\nend\n',
            'require "shop"\n\nRSpec.describe Shop do\n  it "is" do\n    expect(1).to eq(1)\n  end\nend\n\n'
            'RSpec.describe "add" do\n  it "adds" do\n    expect(add(1, 2)).to eq(3)\n  end\nend\n',
        ),
    ],
)
def test_each_framework_has_its_place_for_new_tests(
    framework: str, language: str, before: str, answer: str, after: str
) -> None:
    check_added(framework, language, before, answer, after)


@pytest.mark.parametrize(
    ("framework", "language", "before", "answer", "after"),
    [
        (
            "cargo test",
            "rust",
            "mod tests { use super::*; }\n",
            "#[test]\nfn adds() {\n    assert_eq!(add(1, 2), 3);\n}",
            "mod tests { use super::*; \n    #[test]\n    fn adds() {\n        assert_eq!(add(1, 2), 3);\n    }\n}\n",
        ),
        (
            "JUnit 5",
            "java",
            "class CartTest {}\n",
            "@Test\nvoid adds() {\n    assertEquals(3, add(1, 2));\n}",
            "class CartTest {\n    @Test\n    void adds() {\n        assertEquals(3, add(1, 2));\n    }\n}\n",
        ),
    ],
)
def test_a_place_on_one_line_is_not_left(framework: str, language: str, before: str, answer: str, after: str) -> None:
    check_added(framework, language, before, answer, after)


def test_a_module_that_has_the_tests_already_gets_nothing() -> None:
    test = "    #[test]\n    fn adds() {\n        assert_eq!(add(1, 2), 3);\n    }\n"
    check_refused("cargo test", "rust", f"mod tests {{\n{test}}}\n", test, "adds none")


def test_a_package_that_is_left_out_is_put_in() -> None:
    answer = "func TestAdd(t *testing.T) {\n\tadd()\n\tt.Fail()\n}"
    check_added("go test", "go", None, answer, f"package shop\n\n{answer}\n", clause="package shop")
    other = f"package shop_test\n\n{answer}"
    check_added("go test", "go", None, other, f"{other}\n", clause="package shop")


@pytest.mark.parametrize(
    ("before", "answer", "reason"),
    [
        (None, "def test_add(:\n    assert add(1, 2) == 3", "syntax error"),
        (None, "def check_add():\n    assert add(1, 2) == 3", "no test that pytest would run"),
        (None, "def test_it():\n    assert 1 + 2 == 3", "do not use the code"),
        (None, "from shop import add\n\ndef test_it():\n    assert 1 + 2 == 3", "do not use the code"),
        (None, "def test_add():\n    add(1, 2)", "assert nothing"),
        (PYTEST, "def test_sub():\n    assert add(3, 1) == 2", "name of one that is there already"),
        (PYTEST, PYTEST + "\n\nadd\n", "adds none"),
        (PYTEST, "from other import sub\n\ndef test_add():\n    assert add(1, 2) == 3", "declares a name anew"),
        (PYTEST, "add = None\n\ndef test_add():\n    assert add(1, 2) == 3", "declares a name anew"),
        (f"{PYTEST}#{'x' * 150_000}", "def test_add():\n    assert add(1, 2) == 3", "too long"),
    ],
)
def test_what_is_of_no_use_is_refused_with_a_reason(before: str | None, answer: str, reason: str) -> None:
    check_refused("pytest", "python", before, answer, reason)


@pytest.mark.parametrize(
    ("framework", "language", "before", "answer", "reason"),
    [
        ("go test", "go", None, "package other\n\nfunc TestA(t *T) { add(); t.Fail() }", "another package"),
        (
            "go test",
            "go",
            "package shop_test\n",
            "package shop\n\nfunc TestA(t *T) { add(); t.Fail() }",
            "another pack",
        ),
        (
            "vitest",
            "typescript",
            'import { add } from "./a";\n',
            'import { add } from "./b";\n\ntest("a", () => { expect(add()) })',
            "declares a name anew",
        ),
        (
            "JUnit 5",
            "java",
            "class ATest {\n  @Test\n  void a() {\n    assertTrue(true);\n  }\n}\n",
            "class BTest {\n  @Test\n  void a() {\n    assertTrue(A.add());\n  }\n}\n",
            "name of one that is there already",
        ),
    ],
)
def test_other_languages_refuse_their_own_faults(
    framework: str, language: str, before: str | None, answer: str, reason: str
) -> None:
    row = next(row for row in FRAMEWORKS if row.name == framework and language in row.languages)
    snapshot = None if before is None else Snapshot("file:///t", "t", language, 1, before)
    with pytest.raises(UnusableError, match=reason):
        added(Wanted(row, language, ("add",), "package shop"), snapshot, answer)


_LINES = st.sampled_from(
    [
        *("import pytest", "from shop import add", "from shop import add, sub", "def test_sub():", "def test_add():"),
        *("    assert add(1, 2) == 3", "    assert sub(3, 1) == 2", "class TestAll:", "", "x = 1", "# 合計 🎉"),
        *('if __name__ == "__main__":', "    def test_in(self):", "@pytest.fixture", "    pass"),
    ]
)


@given(st.lists(_LINES, min_size=1, max_size=14), st.lists(_LINES, max_size=14), st.sampled_from(["\n", "\r\n"]))
def test_no_line_that_was_there_is_ever_lost_or_moved(old: list[str], new: list[str], newline: str) -> None:
    before = "".join(line + newline for line in old)
    row = FRAMEWORKS[0]
    try:
        made = added(Wanted(row, "python", ("add",)), Snapshot("file:///t", "t", "python", 1, before), "\n".join(new))
    except UnusableError:
        return
    kept = iter(made.text.split(newline))
    assert all(any(line == other for other in kept) for line in old if line)
    assert "\n" not in made.text.replace(newline, "")
