"""How a repository tests: owns the choice of its framework, of the file for new tests and of examples. Pure.

What was read of the repository decides, its tests before its configuration; a language's own framework is what is
left. Paths are POSIX style and relative to the workspace's folder.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from context.languages import Language
from lsp_server.assist import frameworks
from lsp_server.assist.frameworks import Framework

ROOTS = frozenset(("test", "tests", "spec", "specs", "__tests__", "testing", "unittests", "t"))
"""Folders that hold tests, and by custom mirror the folders of the code."""

PROJECTS = re.compile(
    r"pyproject\.toml|setup\.(?:py|cfg)|package\.json|go\.mod|Cargo\.toml|pom\.xml|build\.gradle(?:\.kts)?|build\.sbt"
    r"|composer\.json|Gemfile|.*\.(?:csproj|gemspec|rockspec)"
)
"""Files that lie at the root of a project."""

N_EXAMPLES = 2

_SAID_BY_IMPORTS = ("python", "javascript")
"""Languages in which a file of tests imports the code, and it is known where imports lead."""


class NoTestsError(Exception):
    """Why no tests are offered, as a sentence that holds no text of a file."""


@dataclass(frozen=True, slots=True)
class Repository:
    """What was read of a repository.

    `configs` are the texts of build and configuration files in the folders around the code, the nearest first;
    `tests` are all files that go by a test's name, the nearest first, `texts` those of the first ones, and
    `importing` the ones whose imports lead to the code.
    """

    configs: Mapping[str, str] = field(default_factory=dict)
    tests: Sequence[str] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    importing: frozenset[str] = frozenset()

    def project(self, path: str) -> str:
        """The folder of the project that a path belongs to."""
        roots = [posixpath.dirname(one) for one in self.configs if PROJECTS.fullmatch(posixpath.basename(one))]
        holding = [root for root in roots if not root or path.startswith(f"{root}/")]
        return max(holding, key=len, default="")


@dataclass(frozen=True, slots=True)
class Plan:
    """Where tests go: `is_new` where the file has to be made. `examples` are files whose style counts."""

    framework: Framework
    path: str
    is_new: bool
    project: str = ""
    examples: tuple[str, ...] = ()


def plan(subject: str, language: Language, repository: Repository) -> Plan:
    """The plan for tests of the code in the file `subject`; raises NoTestsError."""
    framework = framework_of(language, repository)
    project = repository.project(subject)
    if framework.form == "module":
        return Plan(framework, subject, is_new=False, project=project)
    own = _sorted(subject, [one for one in repository.tests if framework.stem_of(posixpath.basename(one)) is not None])
    path = _existing(subject, framework, own, repository)
    is_new = path is None
    path = path or _free(_new(subject, framework, own, project), subject, {*repository.tests})
    examples = [one for one in own if one != path and one in repository.texts]
    examples.sort(key=lambda one: one not in repository.importing)
    return Plan(framework, path, is_new, project, tuple(examples[:N_EXAMPLES]))


def framework_of(language: Language, repository: Repository) -> Framework:
    """What most of the nearest tests are written with, else what is configured, else the language's own."""
    rows = frameworks.of(language)
    if not rows:
        raise NoTestsError("No test framework is known for this language.")
    counts = Counter(row.name for text in repository.texts.values() if (row := _written_with(rows, text)))
    configured = next((row for row in rows if _is_configured(row, repository.configs)), None)
    if counts:
        found = next(row for row in rows if row.name == counts.most_common(1)[0][0])
        # pytest runs unittest's tests, too, and is then what the project's own settings are for.
        return replace(found, run=configured.run) if found.name == "unittest" and configured else found
    chosen = configured or next((row for row in rows if row.is_default), None)
    if chosen is None:
        raise NoTestsError("The repository does not show which test framework it uses.")
    return chosen


def _written_with(rows: Sequence[Framework], text: str) -> Framework | None:
    return next((row for row in rows if re.search(row.written, text)), None)


def _is_configured(row: Framework, configs: Mapping[str, str]) -> bool:
    return any(
        fnmatchcase(posixpath.basename(path), name) and re.search(pattern, text)
        for name, pattern in row.configured
        for path, text in configs.items()
    )


def _existing(subject: str, framework: Framework, tests: Sequence[str], repository: Repository) -> str | None:
    """The file of tests for the code: by its name and by what it imports, or by its place."""
    stem = posixpath.splitext(posixpath.basename(subject))[0]
    named = [one for one in tests if framework.stem_of(posixpath.basename(one)) == stem]
    here = posixpath.dirname(subject)
    beside = (here, f"/{here}".replace("/src/main/", "/src/test/")[1:], *(_join(here, root) for root in ROOTS))
    for one in named:
        if one in repository.importing or posixpath.dirname(one) in beside or _mirrors(one, subject):
            return one
    return named[0] if named and framework.languages[0] not in _SAID_BY_IMPORTS else None


def _mirrors(test: str, subject: str) -> bool:
    """Whether a test's folders below its root are the last ones of the code's, and not none."""
    _, inner = _root(test)
    folder = posixpath.dirname(subject)
    return bool(inner) and (folder == inner or folder.endswith(f"/{inner}"))


def _sorted(subject: str, tests: Sequence[str]) -> list[str]:
    """Those that mirror the code's place first; else they stay as they are."""
    return sorted(tests, key=lambda one: not (_mirrors(one, subject) or _is_beside(one, subject)))


def _is_beside(test: str, subject: str) -> bool:
    return posixpath.dirname(test) == posixpath.dirname(subject)


def _new(subject: str, framework: Framework, tests: Sequence[str], project: str) -> str:
    """Where a file of tests is made: as the nearest tests lie, else by the framework's custom."""
    stem, ext = posixpath.splitext(posixpath.basename(subject))
    pattern = next((one for test in tests for one in framework.files if _fits(one, test)), framework.files[0])
    name = pattern.replace("{stem}", stem).replace("{ext}", ext)
    here = posixpath.dirname(subject)
    in_project = [one for one in tests if not project or one.startswith(f"{project}/")]
    if framework.clause and "/src/main/" in f"/{subject}":
        return f"/{here}/{name}".replace("/src/main/", "/src/test/")[1:]
    if in_project:
        return _join(_like(in_project, subject), name)
    if framework.folder is None:
        raise NoTestsError("There are no tests yet beside which new ones could be put.")
    if not framework.folder:
        return _join(here, name)
    return _join(project, framework.folder, name)


def _fits(pattern: str, test: str) -> bool:
    return re.fullmatch(frameworks.as_regex(pattern), posixpath.basename(test)) is not None


def _like(tests: Sequence[str], subject: str) -> str:
    """The folder for tests of the code, as those lie that are there already."""
    here = posixpath.dirname(subject)
    root, _ = _root(tests[0])
    if root is None:
        return here
    around, name = posixpath.split(root)
    if around == here or (name == "__tests__" and here.startswith(around)):
        return _join(here, name)
    folders = {inner for test in tests if (found := _root(test))[0] == root and (inner := found[1])}
    parts = here.split("/") if here else []
    for n in range(len(parts)):
        inner = "/".join(parts[n:])
        is_begun = any(folder == inner or folder.startswith(f"{inner}/") for folder in folders)
        above = posixpath.dirname(inner)
        if is_begun or (above and any(folder == above or folder.startswith(f"{above}/") for folder in folders)):
            return _join(root, inner)
    return root


def _root(test: str) -> tuple[str | None, str]:
    """The outermost folder of tests around a test, None for one beside its code, and the folders below it."""
    parts = test.split("/")[:-1]
    at = next((n for n, part in enumerate(parts) if part.lower() in ROOTS), None)
    return (None, "") if at is None else ("/".join(parts[: at + 1]), "/".join(parts[at + 1 :]))


def _free(path: str, subject: str, taken: set[str]) -> str:
    """The path, or one beside it that also names the folders of the code, where another code's tests are there."""
    folder, name = posixpath.split(path)
    stem = posixpath.splitext(posixpath.basename(subject))[0]
    for around in reversed(posixpath.dirname(subject).split("/")):
        if path not in taken or not around:
            break
        stem, before = f"{around}_{stem}", stem
        name = name.replace(before, stem, 1)
        path = _join(folder, name)
    if path in taken:
        raise NoTestsError("A file of tests with this name is there, and it tests other code.")
    return path


def _join(*parts: str) -> str:
    return posixpath.join(*(part for part in parts if part)) if any(parts) else ""
