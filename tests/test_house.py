"""The laws of the house, read off the source itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    path.relative_to(ROOT).as_posix() for room in ("context", "lsp_server") for path in (ROOT / room).rglob("*.py")
)
NOT_USED = ("manager", "helper", "util", "utils", "service", "data", "info", "handle", "handler")
LOGGING = r"(log|logger|logging)\.(debug|info|warning|error|critical|exception|log)"
HTTP = {"httpx2", "httpcore2", "httpx", "openai", "aiohttp", "requests", "urllib3"}
NETWORK = {"socket", "http.client", "http.server", "urllib.request", "asyncio.open_connection", "ftplib", "smtplib"}
IMPURE = {
    *("asyncio", "concurrent", "datetime", "io", "logging", "multiprocessing", "os", "pathlib", "random", "shutil"),
    *("socket", "sqlite3", "subprocess", "sys", "tempfile", "threading", "time", "urllib"),
}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"))


@cache
def imports(module: str) -> frozenset[str]:
    """Dotted names of all that a module imports, wherever in it, but for what type checkers alone read."""
    names: set[str] = set()
    for node in _without_type_checking(tree(module)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


def _without_type_checking(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _without_type_checking(child)


def check_imports(allowed_in: tuple[str, ...], names: set[str]) -> None:
    """`names` and what lies in them are imported by modules at `allowed_in` alone, and by one of them at least."""
    users = {module for module in MODULES if any(is_in(name, names) for name in imports(module))}
    assert users, "nobody imports them: the law is out of date"
    assert {module for module in users if not module.startswith(allowed_in)} == set()


def is_in(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("context/")])
def test_context_knows_neither_lsp_nor_http_nor_asyncio(module: str) -> None:
    foreign = {name for name in imports(module) if is_in(name, {"lsp_server", "pygls", "lsprotocol", "asyncio", *HTTP})}
    assert foreign == set()


def test_the_protocol_stays_at_the_door() -> None:
    door = ("lsp_server/server.py", "lsp_server/documents.py", "lsp_server/features/")
    check_imports(door, {"lsprotocol"})
    check_imports((*door, "lsp_server/transport.py"), {"pygls"})


def test_the_model_client_stays_in_its_room() -> None:
    check_imports(("lsp_server/endpoint/",), HTTP)


def test_positions_end_at_the_documents() -> None:
    """Inside, a place in text is an int."""
    users = {
        module
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Name | ast.Attribute) and _name(node) == "Position"
    }
    door = ("lsp_server/documents.py", "lsp_server/features/completions.py")
    assert users
    assert {module for module in users if not module.startswith(door)} == set()


@pytest.mark.parametrize(
    "module",
    [
        *(f"context/{name}.py" for name in ("window", "steady", "syntax", "excerpt", "blocks", "brackets", "tokens")),
        *(f"lsp_server/completion/{name}.py" for name in ("trigger", "postprocess", "filters", "cut", "layout")),
    ],
)
def test_what_decides_is_pure(module: str) -> None:
    assert {name for name in imports(module) if name.split(".")[0] in IMPURE} == set()
    called = {_name(node.func) for node in ast.walk(tree(module)) if isinstance(node, ast.Call)}
    assert called.isdisjoint({"open", "print", "input", "exec", "eval"})


def test_one_place_opens_connections() -> None:
    """The guarded client; besides it, fetching the model file on command and asking the local engine how it is."""
    named = ("lsp_server/endpoint/guard.py", "lsp_server/endpoint/models.py", "lsp_server/endpoint/engine_process.py")
    check_imports(named, NETWORK)
    opening = {"AsyncClient", "Client", "open_connection", "create_connection", "urlopen", "HTTPConnection", "stream"}
    openers = {
        module
        for module in MODULES
        for node in ast.walk(tree(module))
        for used in ([node.func] if isinstance(node, ast.Call) else getattr(node, "bases", ()))
        if _dotted(used).startswith(("httpx2.", "asyncio.", "socket.", "urllib.", "GuardedClient"))
        if _name(used) in {*opening, "GuardedClient"}
    }
    assert "lsp_server/endpoint/guard.py" in openers
    assert openers <= set(named)


@pytest.mark.parametrize("module", MODULES)
def test_no_log_can_hold_text_of_a_file(module: str) -> None:
    """Tracebacks quote values and errors quote what they were about, so both are told by kind and place alone."""
    for call in ast.walk(tree(module)):
        if not isinstance(call, ast.Call) or not re.fullmatch(LOGGING, _dotted(call.func)):
            continue
        assert _name(call.func) != "exception", f"{module}:{call.lineno} logs a traceback"
        assert not {"exc_info", "stack_info"} & {str(word.arg) for word in call.keywords}, f"{module}:{call.lineno}"
        assert isinstance(call.args[0], ast.Constant), f"{module}:{call.lineno} puts its message together itself"
        spoken = {_name(node) for argument in call.args[1:] for node in ast.walk(argument)}
        quoting = spoken & {
            "text",
            "prefix",
            "suffix",
            "prompt",
            "body",
            "piece",
            "pieces",
            "content",
            "snapshot",
            "line",
        }
        assert not quoting, f"{module}:{call.lineno} logs {quoting}"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_opens_with_what_it_owns(module: str) -> None:
    first = (ast.get_docstring(tree(module)) or "").split("\n\n")[0]
    assert first.endswith("."), f"{module} has no opening sentence"


@pytest.mark.parametrize("module", MODULES)
def test_a_file_can_be_read_in_one_go(module: str) -> None:
    assert len((ROOT / module).read_text(encoding="utf-8").splitlines()) <= 400


def test_nine_in_ten_functions_are_short() -> None:
    lengths = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert sum(length < 40 for length in lengths) >= 0.9 * len(lengths)


def test_names_say_what_a_thing_is() -> None:
    names = [Path(module).stem for module in MODULES]
    names += [
        node.name
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    words = {name: set(re.findall(r"[a-z]+|[A-Z][a-z]*", name)) for name in names}
    assert {name for name in names if {word.lower() for word in words[name]} & set(NOT_USED)} == _OF_OTHERS


_OF_OTHERS = {
    *("_send_handler_result", "_check_handler_result", "_send_data", "handle_async_request", "get_extra_info", "_data")
}
"""Names of pygls and httpx2 that are overridden, and the field of server-sent events."""


def test_the_start_brings_nothing_that_can_wait() -> None:
    code = "import sys, lsp_server.server, lsp_server.transport; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in ran.stdout.split()}
    late = {"httpx2", "httpcore2", "openai", "rich", "xllamacpp", "pathspec", "filelock", "sqlite3", "jinja2"}
    assert loaded & late == set()
    assert {name for name in loaded if name.startswith("tree_sitter_")} == set()


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""
