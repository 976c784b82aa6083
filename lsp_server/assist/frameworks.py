"""The one table of test frameworks: how each is recognised, where its files lie, how one is run; reads no disk. Pure.

In names of files `{stem}` stands for the name of the code's file without its ending and `{ext}` for the ending. In a
command `{file}` stands for the test file, `{folder}` for its folder, `{stem}` for its name without its ending, and
`{names}`, `{or_names}` and `{*names}` for the names of the new tests with `|` or ` or ` between them, or as several
arguments; the program in brackets is the first of these that is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from context.languages import Language

Form = Literal["end", "class", "module"]
"""Where new tests go in a file: at its end, into its class, or into the code's own file, in a module of tests."""


@dataclass(frozen=True, slots=True)
class Framework:
    """One row. `configured` are names of files and what is found in them; `written` is found in files of tests.

    `folder` is where tests lie in a project that has none yet, "" for beside the code, None where that cannot be
    known. `test` finds a test in code. `clause` finds the line that has to be in both files, as a package's name.
    """

    name: str
    languages: tuple[str, ...]
    files: tuple[str, ...]
    test: str
    configured: tuple[tuple[str, str], ...] = ()
    written: str = r"(?!)"
    folder: str | None = ""
    form: Form = "end"
    modules: tuple[str, ...] = ()
    clause: str = ""
    run: tuple[str, ...] = ()
    is_default: bool = False

    def stem_of(self, name: str) -> str | None:
        """The stem of the code's file that a file of tests is for, by its name; None for another file."""
        for pattern in self.files:
            if found := re.fullmatch(as_regex(pattern), name):
                return found["stem"]
        return None


def as_regex(pattern: str) -> str:
    """A pattern of `files` as a regular expression with the groups `stem` and `ext`."""
    return re.escape(pattern).replace(r"\{stem\}", r"(?P<stem>.+)").replace(r"\{ext\}", r"(?P<ext>\.[cm]?[jt]sx?)")


def files_regex(language: Language) -> str:
    """A regular expression for the names of a language's test files; "" where tests stand in the code's own."""
    files = dict.fromkeys(one for row in of(language) if row.form != "module" for one in row.files)
    return "|".join(re.sub(r"\?P<\w+>", "?:", as_regex(one)) for one in files)


def is_test_file(language: Language, name: str) -> bool:
    """Whether a file is one of tests, by its name alone."""
    return any(row.form != "module" and row.stem_of(name) is not None for row in of(language))


def of(language: Language) -> tuple[Framework, ...]:
    """The frameworks of a language, in the order in which they are looked for."""
    return tuple(row for row in FRAMEWORKS if language.name in row.languages)


_JAVASCRIPT = ("javascript", "typescript", "typescriptreact")
_JS_FILES = ("{stem}.test{ext}", "{stem}.spec{ext}")
_JS_TEST = r"^\s*(?:test|it|specify)(?:\.\w+)*(?:\([^)\n]*\))?\s*[(`]"
_JAVA_TEST = r"@(?:Test|ParameterizedTest|RepeatedTest|Property)\b"
_PYTHON = "[.venv/bin/python|venv/bin/python|.venv/Scripts/python.exe|python3|python]"
_PACKAGE = r"^\s*package\s+([\w.]+)"


def _node(dependency: str) -> tuple[tuple[str, str], ...]:
    return (("package.json", rf'"(?:@[\w-]+/)?{dependency}"\s*:|\b{dependency}\b(?= |")'),)


FRAMEWORKS: tuple[Framework, ...] = (
    Framework(
        "pytest",
        ("python",),
        ("test_{stem}.py", "{stem}_test.py"),
        test=r"^\s*(?:async\s+)?def\s+test_?\w*\s*\(",
        configured=(
            ("pytest.ini", ""),
            ("conftest.py", ""),
            ("pyproject.toml", r"\[tool\.pytest|\bpytest\b"),
            ("setup.cfg", r"\[tool:pytest\]|\bpytest\b"),
            ("tox.ini", r"\[pytest\]|\bpytest\b"),
            ("requirements*.txt", r"(?m)^pytest\b"),
            ("Pipfile", r"(?m)^pytest\b"),
        ),
        written=r"(?m)^\s*(?:import|from)\s+pytest\b|^(?:async )?def test_\w+\(",
        folder="tests",
        modules=("pytest", "_pytest"),
        run=(
            "[.venv/bin/python|venv/bin/python|python3|python]",
            "-m",
            "pytest",
            "-q",
            "-x",
            "-k",
            "{or_names}",
            "{file}",
        ),
    ),
    Framework(
        "unittest",
        ("python",),
        ("test_{stem}.py", "{stem}_test.py"),
        test=r"^\s+(?:async\s+)?def\s+test\w*\s*\(\s*self",
        written=r"\bTestCase\b",
        folder="tests",
        run=(_PYTHON, "-m", "unittest", "-f", "{file}"),
        is_default=True,
    ),
    Framework(
        "vitest",
        _JAVASCRIPT,
        _JS_FILES,
        test=_JS_TEST,
        configured=(("vitest.config.*", ""), *_node("vitest")),
        written=r"""from\s+["']vitest["']""",
        modules=("vitest",),
        run=("[node_modules/.bin/vitest]", "run", "{file}"),
    ),
    Framework(
        "jest",
        _JAVASCRIPT,
        _JS_FILES,
        test=_JS_TEST,
        configured=(("jest.config.*", ""), *_node("jest")),
        written=r"\bjest\.\w+\(|@jest/globals",
        modules=("@jest/globals",),
        run=("[node_modules/.bin/jest]", "--ci", "--watchman=false", "{file}"),
    ),
    Framework(
        "mocha",
        _JAVASCRIPT,
        _JS_FILES,
        test=_JS_TEST,
        configured=((".mocharc*", ""), *_node("mocha")),
        written=r"""["'](?:mocha|chai)["']""",
        folder="test",
        modules=("mocha",),
        run=("[node_modules/.bin/mocha]", "{file}"),
    ),
    Framework(
        "Bun's test runner",
        _JAVASCRIPT,
        _JS_FILES,
        test=_JS_TEST,
        configured=(("package.json", r"\bbun test\b"),),
        written=r"""["']bun:test["']""",
        modules=("bun:test",),
        run=("[bun]", "test", "./{file}"),
    ),
    Framework(
        "Node's test runner (node:test)",
        _JAVASCRIPT,
        _JS_FILES,
        test=_JS_TEST,
        configured=(("package.json", r"\bnode\b[^\n]* --test\b"),),
        written=r"""["']node:test["']""",
        folder="test",
        run=("[node]", "--test", "{file}"),
        is_default=True,
    ),
    Framework(
        "go test",
        ("go",),
        ("{stem}_test.go",),
        test=r"^func (?:Test|Fuzz|Example)\w*\(",
        clause=_PACKAGE,
        run=("[go]", "test", "-count=1", "-run", "^({names})$", "./{folder}"),
        is_default=True,
    ),
    Framework(
        "cargo test",
        ("rust",),
        ("{stem}.rs",),
        test=r"#\[(?:\w+::)*test\b",
        form="module",
        run=("[cargo]", "test", "--offline", "--quiet", "--", "{*names}"),
        is_default=True,
    ),
    Framework(
        "TestNG",
        ("java",),
        ("{stem}Test.java",),
        test=_JAVA_TEST,
        configured=(("testng.xml", ""), ("pom.xml", "<artifactId>testng"), ("build.gradle*", r"useTestNG|org\.testng")),
        written=r"\borg\.testng\b",
        folder="src/test/java",
        form="class",
        clause=_PACKAGE,
        run=("[mvn]", "-o", "-q", "test", "-Dtest={stem}"),
    ),
    Framework(
        "JUnit 4",
        ("java",),
        ("{stem}Test.java", "{stem}Tests.java", "Test{stem}.java"),
        test=_JAVA_TEST,
        configured=(("pom.xml", r"<artifactId>junit</artifactId>"), ("build.gradle*", r"junit:junit:")),
        written=r"import\s+(?:static\s+)?org\.junit\.(?!jupiter)",
        folder="src/test/java",
        form="class",
        clause=_PACKAGE,
        run=("[mvn]", "-o", "-q", "test", "-Dtest={stem}"),
    ),
    Framework(
        "JUnit 5",
        ("java",),
        ("{stem}Test.java", "{stem}Tests.java", "Test{stem}.java"),
        test=_JAVA_TEST,
        configured=(("pom.xml", "junit-jupiter"), ("build.gradle*", r"junit-jupiter|useJUnitPlatform")),
        written=r"org\.junit\.jupiter",
        folder="src/test/java",
        form="class",
        clause=_PACKAGE,
        run=("[mvn]", "-o", "-q", "test", "-Dtest={stem}"),
        is_default=True,
    ),
    Framework(
        "JUnit 5",
        ("kotlin",),
        ("{stem}Test.kt", "{stem}Tests.kt"),
        test=_JAVA_TEST,
        folder="src/test/kotlin",
        form="class",
        clause=_PACKAGE,
        run=("[./gradlew]", "--offline", "-q", "test", "--tests", "*{stem}"),
        is_default=True,
    ),
    Framework(
        "ScalaTest",
        ("scala",),
        ("{stem}Spec.scala", "{stem}Test.scala", "{stem}Suite.scala"),
        test=r"^\s*(?:test\(|it\(|it should|\"[^\"\n]+\" (?:should|must|in)\b)",
        written=r"\b(?:scalatest|munit)\b",
        folder="src/test/scala",
        form="class",
        clause=_PACKAGE,
        is_default=True,
    ),
    *(
        Framework(
            name,
            ("csharp",),
            ("{stem}Tests.cs", "{stem}Test.cs"),
            test=rf"\[(?:{attribute})\b",
            configured=(("*.csproj", rf'Include="{package}'),),
            written=rf"using {namespace}",
            folder=None,
            form="class",
            run=("[dotnet]", "test", "{folder}", "--filter", "FullyQualifiedName~{stem}"),
        )
        for name, attribute, package, namespace in (
            ("xUnit", "Fact|Theory", "xunit", "Xunit"),
            ("NUnit", "Test|TestCase", "NUnit", r"NUnit\."),
            ("MSTest", "TestMethod|DataTestMethod", "MSTest", r"Microsoft\.VisualStudio\.TestTools"),
        )
    ),
    Framework(
        "PHPUnit",
        ("php",),
        ("{stem}Test.php",),
        test=r"function\s+test\w*\s*\(|#\[Test\]|@test\b",
        folder="tests",
        form="class",
        run=("[vendor/bin/phpunit]", "{file}"),
        is_default=True,
    ),
    Framework(
        "RSpec",
        ("ruby",),
        ("{stem}_spec.rb",),
        test=r"^\s*(?:it|specify|example)\s+[\"'{d]",
        configured=((".rspec", ""), ("Gemfile", r"\brspec"), ("*.gemspec", r"\brspec")),
        written=r"\bdescribe\b",
        folder="spec",
        modules=("rspec",),
        run=("[bundle]", "exec", "rspec", "{file}"),
    ),
    Framework(
        "minitest",
        ("ruby",),
        ("test_{stem}.rb", "{stem}_test.rb"),
        test=r"^\s*(?:def\s+test_|test\s+[\"'])",
        folder="test",
        modules=("minitest",),
        run=("[ruby]", "-Ilib", "-Itest", "{file}"),
        is_default=True,
    ),
    Framework(
        "GoogleTest",
        ("cpp",),
        ("{stem}_test.cpp", "{stem}_test.cc", "test_{stem}.cpp", "{stem}_unittest.cc"),
        test=r"^\s*(?:TYPED_)?TEST(?:_[FP])?\s*\(",
        written=r"gtest/gtest\.h",
        folder=None,
    ),
    Framework(
        "Catch2",
        ("cpp",),
        ("{stem}_test.cpp", "test_{stem}.cpp", "{stem}.test.cpp", "{stem}.tests.cpp"),
        test=r"^\s*(?:TEST_CASE|SCENARIO|TEMPLATE_TEST_CASE)\s*\(",
        written=r"catch2?/|catch\.hpp",
        folder=None,
    ),
    Framework(
        "busted",
        ("lua",),
        ("{stem}_spec.lua",),
        test=r"^\s*it\s*\(",
        folder="spec",
        run=("[busted]", "{file}"),
        is_default=True,
    ),
)
