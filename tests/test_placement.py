"""Which framework a repository uses, and which file new tests belong in."""

from __future__ import annotations

import pytest

from context.languages import for_path
from lsp_server.assist.placement import NoTestsError, Plan, Repository, plan

PYPROJECT = {"pyproject.toml": "[tool.pytest.ini_options]"}
VITEST = {"package.json": '{"devDependencies": {"vitest": "^3"}}'}
JUNIT = {"pom.xml": "<artifactId>junit-jupiter</artifactId>"}


def check_plan(
    subject: str,
    framework: str,
    path: str,
    *,
    is_new: bool = True,
    configs: dict[str, str] | None = None,
    tests: dict[str, str] | None = None,
    importing: tuple[str, ...] = (),
) -> Plan:
    """`tests` are the files of tests that are there, the nearest first, with their texts."""
    language = for_path(subject)
    assert language is not None
    texts = tests or {}
    repository = Repository(configs or {}, tuple(texts), texts, frozenset(importing))
    made = plan(subject, language, repository)
    assert (made.framework.name, made.path, made.is_new) == (framework, path, is_new)
    return made


@pytest.mark.parametrize(
    ("subject", "configs", "framework", "path"),
    [
        ("a.py", {}, "unittest", "tests/test_a.py"),
        ("a.py", PYPROJECT, "pytest", "tests/test_a.py"),
        ("a.py", {"requirements-dev.txt": "pytest>=8\n"}, "pytest", "tests/test_a.py"),
        ("a.py", {"requirements.txt": "# pytest would be good\n"}, "unittest", "tests/test_a.py"),
        ("a.py", {"setup.cfg": "[tool:pytest]"}, "pytest", "tests/test_a.py"),
        ("src/shop/a.py", {"pyproject.toml": "[project]"}, "unittest", "tests/test_a.py"),
        ("lib/shop/a.py", {"lib/setup.py": "", "tox.ini": "[pytest]"}, "pytest", "lib/tests/test_a.py"),
        ("src/a.ts", VITEST, "vitest", "src/a.test.ts"),
        ("src/a.tsx", {"package.json": '{"devDependencies": {"jest": "1"}}'}, "jest", "src/a.test.tsx"),
        ("src/a.js", {"package.json": '{"devDependencies": {"ts-jest": "1"}}'}, "jest", "src/a.test.js"),
        ("src/a.ts", {"vitest.config.ts": ""}, "vitest", "src/a.test.ts"),
        ("src/a.js", {"package.json": '{"devDependencies": {"mocha": "1"}}'}, "mocha", "test/a.test.js"),
        ("src/a.js", {"package.json": '{"scripts": {"test": "bun test"}}'}, "Bun's test runner", "src/a.test.js"),
        ("src/a.mjs", {"package.json": "{}"}, "Node's test runner (node:test)", "test/a.test.mjs"),
        ("cart/a.go", {"go.mod": "module x"}, "go test", "cart/a_test.go"),
        ("src/main/java/com/x/Cart.java", JUNIT, "JUnit 5", "src/test/java/com/x/CartTest.java"),
        ("app/src/main/java/x/A.java", {"pom.xml": ""}, "JUnit 5", "app/src/test/java/x/ATest.java"),
        (
            "src/main/java/x/A.java",
            {"pom.xml": "<artifactId>junit</artifactId>"},
            "JUnit 4",
            "src/test/java/x/ATest.java",
        ),
        ("src/main/java/x/A.java", {"build.gradle": "useTestNG()"}, "TestNG", "src/test/java/x/ATest.java"),
        ("src/main/kotlin/x/A.kt", {}, "JUnit 5", "src/test/kotlin/x/ATest.kt"),
        ("src/main/scala/x/A.scala", {"build.sbt": ""}, "ScalaTest", "src/test/scala/x/ASpec.scala"),
        ("lib/a.rb", {"Gemfile": 'gem "rspec"'}, "RSpec", "spec/a_spec.rb"),
        ("lib/a.rb", {"Gemfile": ""}, "minitest", "test/test_a.rb"),
        ("src/Cart.php", {"composer.json": "{}"}, "PHPUnit", "tests/CartTest.php"),
        ("src/a.lua", {}, "busted", "spec/a_spec.lua"),
    ],
)
def test_without_any_tests_its_configuration_decides(
    subject: str, configs: dict[str, str], framework: str, path: str
) -> None:
    check_plan(subject, framework, path, configs=configs)


@pytest.mark.parametrize(
    ("subject", "tests", "framework", "path"),
    [
        ("shop/a.py", {"tests/test_b.py": "def test_b():\n"}, "pytest", "tests/test_a.py"),
        ("shop/a.py", {"tests/b_test.py": "import pytest\n"}, "pytest", "tests/a_test.py"),
        ("shop/a.py", {"shop/test_b.py": "def test_b():\n"}, "pytest", "shop/test_a.py"),
        ("shop/a.py", {"shop/tests/test_b.py": "class B(TestCase):"}, "unittest", "shop/tests/test_a.py"),
        ("src/shop/pay/a.py", {"tests/shop/pay/test_b.py": "import pytest"}, "pytest", "tests/shop/pay/test_a.py"),
        ("src/shop/cart/a.py", {"tests/shop/pay/test_b.py": "import pytest"}, "pytest", "tests/shop/cart/test_a.py"),
        ("src/shop/a.py", {"tests/unit/test_b.py": "import pytest"}, "pytest", "tests/test_a.py"),
        ("src/a.ts", {"src/b.spec.ts": 'import { it } from "vitest"'}, "vitest", "src/a.spec.ts"),
        ("src/a.tsx", {"src/__tests__/b.test.ts": 'from "vitest"'}, "vitest", "src/__tests__/a.test.tsx"),
        ("src/a.js", {"test/b.test.js": 'require("node:test")'}, "Node's test runner (node:test)", "test/a.test.js"),
        ("cart/a.cs", {"tests/BTests.cs": "using Xunit;"}, "xUnit", "tests/aTests.cs"),
        ("a.cpp", {"tests/b_test.cc": "#include <gtest/gtest.h>"}, "GoogleTest", "tests/a_test.cc"),
        ("src/main/java/x/A.java", {"src/test/java/x/BTests.java": ""}, "JUnit 5", "src/test/java/x/ATests.java"),
    ],
)
def test_new_tests_lie_and_are_named_as_the_nearest_ones(
    subject: str, tests: dict[str, str], framework: str, path: str
) -> None:
    made = check_plan(subject, framework, path, tests=tests)
    assert made.examples == tuple(tests)


@pytest.mark.parametrize(
    ("subject", "test", "framework", "importing"),
    [
        ("shop/a.py", "tests/test_a.py", "unittest", True),
        ("shop/a.py", "tests/shop/test_a.py", "unittest", False),
        ("shop/a.py", "shop/test_a.py", "unittest", False),
        ("src/a.ts", "src/__tests__/a.spec.ts", "Node's test runner (node:test)", False),
        ("src/a.js", "test/unit/a.test.js", "Node's test runner (node:test)", True),
        ("x/a.go", "x/a_test.go", "go test", False),
        ("src/main/java/x/A.java", "src/test/java/x/TestA.java", "JUnit 5", False),
        ("lib/a.rb", "test/test_a.rb", "minitest", False),
    ],
)
def test_an_existing_file_is_extended(subject: str, test: str, framework: str, importing: bool) -> None:
    found = (test,) if importing else ()
    check_plan(subject, framework, test, is_new=False, tests={test: ""}, importing=found)


def test_rust_has_its_tests_in_the_same_file() -> None:
    check_plan("src/a.rs", "cargo test", "src/a.rs", is_new=False)


def test_tests_of_other_code_of_the_same_name_are_left_alone() -> None:
    tests = {"tests/test_models.py": "def test_x():\n"}
    check_plan("shop/pay/models.py", "pytest", "tests/test_pay_models.py", tests=tests)


def test_pytest_runs_what_is_written_with_unittest_where_it_is_configured() -> None:
    tests = {"tests/test_b.py": "class B(unittest.TestCase):"}
    made = check_plan("a.py", "unittest", "tests/test_a.py", configs=PYPROJECT, tests=tests)
    assert "pytest" in made.framework.run


def test_examples_that_import_the_code_come_first() -> None:
    tests = {"tests/test_b.py": "import pytest", "tests/test_c.py": "import pytest", "tests/test_d.py": "import pytest"}
    made = check_plan("a.py", "pytest", "tests/test_a.py", tests=tests, importing=("tests/test_c.py",))
    assert made.examples == ("tests/test_c.py", "tests/test_b.py")


@pytest.mark.parametrize(
    ("subject", "reason"),
    [("a.sql", "No test framework is known"), ("a.cs", "does not show which"), ("a.cpp", "does not show which")],
)
def test_where_nothing_is_known_a_reason_is_given(subject: str, reason: str) -> None:
    language = for_path(subject)
    assert language is not None
    with pytest.raises(NoTestsError, match=reason):
        plan(subject, language, Repository())


def test_a_framework_whose_tests_need_a_project_of_their_own_wants_to_see_one() -> None:
    language = for_path("a.cs")
    assert language is not None
    with pytest.raises(NoTestsError, match="no tests yet"):
        plan("a.cs", language, Repository({"a.csproj": 'Include="xunit"'}))
