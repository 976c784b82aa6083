"""The documents keep their word: their commands run, their links lead somewhere, and what they name exists."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from scripted_endpoint import Reply, ScriptedEndpoint, in_thread
from wire import own_environment

from lsp_server.__main__ import _parser
from lsp_server.options import Settings
from lsp_server.server import COMMANDS
from lsp_server.settings import options

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "deploy/*.md", "deploy/*/README.md", "benchmarks/*.md", "editors/*/*.md")
    for path in ROOT.glob(pattern)
)
TESTED_ELSEWHERE = dict.fromkeys(
    ["docs/operations.md", "deploy/gateway/README.md", "deploy/monitoring/README.md", "deploy/pod/README.md"],
    "tests/deploy/test_operations.py",
)
"""Pages whose commands want programs of an administrator; the other file runs what can be run of them."""

NOT_RUN = {
    "make": "its targets are looked up; `make test` is what runs this",
    "npm": "its scripts are looked up; the extension is built by the tests of VS Code",
    "python": "its file and options are looked up; figures take minutes",
    ".venv/bin/python": "runs these very tests; the files it names are looked up",
    "py": "Windows",
    "pipx": "installs from an index; test_bundle installs the same wheels",
    "pip": "installs from an index; test_bundle installs the same wheels",
    "pip-audit": "asks a public database",
    "sha256sum": "test_bundle checks the archive's hash",
    "tar": "test_bundle unpacks the archive",
    "cd": "changes the folder",
    "./install.sh": "test_bundle runs it; its options are looked up",
    "code": "VS Code itself; test_vscode installs the extension",
    "vllm": "wants a GPU; tests/deploy has its whole command line",
    "llama-server": "tests/deploy runs it",
}
NOT_RUN_HERE = {
    "serve": "runs until its editor leaves, in every test over the wire",
    "engine": "fetches half a gigabyte; the fixture `engine` does",
    "eval": "wants cases on stdin; test_evaluate has some",
}
SHOP = "import math\n\n\ndef total(prices):\n    return\n\n\nprint(total([1, 2]))\n"
PLACES = {"FILE:LINE:COL": "shop.py:5:11"}


class Command(NamedTuple):
    """One command of a page, without its comment."""

    page: str
    line: str

    @property
    def words(self) -> list[str]:
        """The words as a shell reads them, without what is redirected and variables that are set before."""
        words = shlex.split(self.line.split(" > ")[0])
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        return words


@cache
def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@cache
def blocks(page: str, *languages: str) -> tuple[str, ...]:
    """The fenced blocks in one of the languages, wherever they are indented to."""
    found = re.findall(r"^( *)```(\w*)\n(.*?)^ *```$", text(page), re.MULTILINE | re.DOTALL)
    return tuple(body for _, language, body in found if language in languages)


@cache
def spans(page: str) -> tuple[str, ...]:
    """What stands as code in the sentences, with line breaks as blanks."""
    prose = re.sub(r"^( *)```.*?^ *```$", "", text(page), flags=re.MULTILINE | re.DOTALL)
    return tuple(" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose))


def commands(page: str) -> Iterator[Command]:
    """Each command of a page's blocks, and of its sentences those of programs that we know."""
    if page in TESTED_ELSEWHERE or page == "CHANGELOG.md":
        return
    for block in blocks(page, "sh", "console", "bash", "shell"):
        for line in block.replace("\\\n", " ").splitlines():
            bare = re.sub(r"\s+#\s.*$|^#\s.*$", "", line.strip().removeprefix("$ "))
            if bare:
                yield Command(page, bare)
    known = {"instant-lsp", *NOT_RUN} - {"code", "cd", "python"}
    for span in spans(page):
        if " " in span and Command(page, span).words[:1] != [] and Command(page, span).words[0] in known:
            yield Command(page, span)


ALL = [command for page in PAGES for command in commands(page)]
OURS = [command for command in ALL if command.words[0] == "instant-lsp"]
RUN = sorted({command.line for command in OURS if command.words[1] not in NOT_RUN_HERE})


class Site(NamedTuple):
    """A developer's machine with a project, an endpoint, and something that happened before."""

    folder: Path
    environment: dict[str, str]

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-euc", line],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("site")
    folder, programs = home / "project", home / "bin"
    for made in (folder / "docs", programs):
        made.mkdir(parents=True)
    (folder / "shop.py").write_text(SHOP)
    (programs / "instant-lsp").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m lsp_server "$@"\n')
    (programs / "instant-lsp").chmod(0o755)
    scripted = ScriptedEndpoint()
    scripted.answering = lambda request: Reply(
        ("It adds prices.",) if "messages" in request.body else (" sum(prices)",)
    )
    with in_thread(scripted):
        environment = own_environment(
            home,
            INSTANT_LSP_ENDPOINT_INSTANT_URL=scripted.url,
            INSTANT_LSP_CONTEXT_ENABLED="true",
            PATH=f"{programs}:{os.environ['PATH']}",
            COLUMNS="160",
        )
        site = Site(folder, environment)
        before = site.run("instant-lsp try shop.py:5:11")
        assert before.returncode == 0, before.stdout + before.stderr
        yield site


@pytest.mark.parametrize("line", RUN)
def test_commands_of_the_server_run(site: Site, line: str) -> None:
    for placeholder, real in PLACES.items():
        line = line.replace(placeholder, real)
    ran = site.run(line)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout + ran.stderr
    written = re.search(r"(?:> |--out(?:put)? )(\S+)", line)
    assert (site.folder / written[1]).stat().st_size if written else ran.stdout.strip()


@pytest.mark.parametrize("page", [page for page in PAGES if any(one.page == page for one in ALL)])
def test_every_command_is_run_or_has_a_reason_not_to_be(page: str) -> None:
    for command in ALL:
        if command.page == page:
            program, *rest = command.words
            assert program == "instant-lsp" or program in NOT_RUN, f"{command.line}: run it, or say why not"
            look_up(program, rest)


def look_up(program: str, words: list[str]) -> None:
    """A command names what exists: targets, scripts, files, options."""
    named = [word for word in words if word.startswith("--")]
    if program == "instant-lsp":
        arguments = [PLACES.get(word, word) for word in words]
        if arguments != ["--version"]:
            assert _parser(arguments).run
    elif program == "make":
        targets = [word for word in words if "=" not in word]
        assert all(re.search(rf"^{target}:", text("Makefile"), re.MULTILINE) for target in targets)
        check_options(re.findall(r"--[a-z]+", " ".join(words)), text("packaging/bundle.py"))
    elif program == "npm":
        assert words[-1] in json.loads(text("editors/vscode/package.json"))["scripts"]
    elif program == "./install.sh":
        check_options(named, text("packaging/install.sh"))
    elif program == "python":
        check_options(named, text(words[0]))


def check_options(named: list[str], source: str) -> None:
    assert [option for option in named if option not in source] == []


@pytest.mark.parametrize("page", TESTED_ELSEWHERE)
def test_what_is_tested_elsewhere_is(page: str) -> None:
    assert page in text(TESTED_ELSEWHERE[page])


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", text(page)):
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), f"{target} is not there"
        if anchor:
            titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page: str) -> None:
    rooms = "lsp_server|context|tests|docs|deploy|editors|benchmarks|packaging|examples"
    for span in [*spans(page), *(word for command in commands(page) for word in command.words)]:
        if re.fullmatch(rf"(?:{rooms})/[\w./-]*", span) and not span.endswith((".vsix", "<name>.scm")):
            assert (ROOT / span).exists(), span


@pytest.mark.parametrize("page", PAGES)
def test_options_that_are_named_exist(page: str) -> None:
    known = {option.place for option in options()}
    sections = {place.rpartition(".")[0] for place in known} | {place.split(".")[0] for place in known}
    environment = {"INSTANT_LSP_" + place.replace(".", "_").upper() for place in known}
    for span in spans(page):
        name = span.split(" = ")[0].replace("<tier>", "instant").removesuffix(".*")
        if re.fullmatch(r"[a-z]+(?:\.[a-z_]+)+", name) and name.split(".")[0] in sections:
            is_file = (ROOT / "lsp_server" / name).exists() or name.endswith((".toml", ".json", ".py", ".md"))
            assert name in known or name in sections or is_file, name
        if re.fullmatch(r"INSTANT_LSP_[A-Z_]+[A-Z]", name):
            assert name in environment, name


@pytest.mark.parametrize("page", PAGES)
def test_settings_that_are_shown_are_right(page: str) -> None:
    for block in blocks(page, "toml"):
        read = tomllib.loads(block)
        if "settings" in read or set(read) & set(Settings.model_fields):
            Settings.model_validate(read.get("settings", read))  # else it is an editor's own
    properties = json.loads(text("editors/vscode/package.json"))["contributes"]["configuration"]["properties"]
    for block in blocks(page, "json", "jsonc"):
        assert set(re.findall(r'"(instant\.[\w.]+)":', block)) <= set(properties)


def palette() -> tuple[set[str], set[str]]:
    """The commands of VS Code's extension, and their titles."""
    path = ROOT / "editors/vscode/package.nls.json"
    words = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    found = json.loads(text("editors/vscode/package.json"))["contributes"]["commands"]
    return {one["command"] for one in found}, {words.get(one["title"].strip("%"), one["title"]) for one in found}


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_editors_that_are_named_exist(page: str) -> None:
    ids, titles = palette()
    prose = " ".join(text(page).split())
    assert set(re.findall(r'["*]Instant: ([^"*]+)["*]', prose)) <= titles
    known = ids | {name for name, _ in COMMANDS} | {"instant.server", "instant.vsix"}
    sections = {option.place.split(".")[0] for option in options()}
    for span in spans(page):
        if re.fullmatch(r"instant\.[a-z][A-Za-z]*", span) and span.partition(".")[2] not in sections:
            assert span in known, span


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_neovim_that_are_named_exist(page: str) -> None:
    plugin, subcommands = text("editors/nvim/plugin/instant.lua"), text("editors/nvim/lua/instant/command.lua")
    for span in spans(page):
        if called := re.match(r":(Instant\w*)!?(?: ([a-z]+))?", span):
            assert re.search(rf"nvim_create_user_command\('{called[1]}'|\b{called[1]} = '", plugin), span
            assert not called[2] or re.search(rf"\b{called[2]}\b", subcommands), span
        for module in re.findall(r"require\(?'(instant[\w.]*)'", span):
            path = ROOT / "editors/nvim/lua" / module.replace(".", "/")
            assert path.with_suffix(".lua").exists() or (path / "init.lua").exists(), span
        if key := re.fullmatch(r"keymaps\.(\w+)", span):
            assert f"{key[1]}? string" in text("editors/nvim/lua/instant/init.lua"), span
