"""Runs new tests in the project's own tool: owns the copy they run in, their process and its end; asks no model.

They run in a copy of the folder, which is deleted after it, so that nothing is ever written where somebody works: a
file of tests may be open and changed in the editor, what is written beside it would be seen by watchers and stay
there when the power fails, and in some languages it would double the names of the one that is there. The copy has
the open buffers in place of their files and none of the files that hold secrets; what was installed into the folder
is linked to. There is no shell, and of the environment the run has what tools need to be found, and no tokens.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from context.codegraph.files import BUILT, VENDORED
from context.secrets import is_refused
from lsp_server.assist.placement import Plan
from lsp_server.assist.repository import is_within

MAX_FILES = 20_000
MAX_BYTES = 300_000_000
"""A larger folder is not copied, and nothing is run in it."""

MAX_OUTPUT_CHARS = 4_000
_MAX_READ_BYTES = 256_000
_LOOK_S = 0.05
_LEFT_S = 2.0
"""How long is read on when all is ended, for what was said before."""

_INSTALLED = frozenset({"node_modules", ".venv", "venv", "vendor", ".bundle", "site-packages"})
_KEPT_VARIABLES = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LC_\w+|TZ|TMPDIR|TMP|TEMP|SYSTEMROOT|COMSPEC|PATHEXT|USERPROFILE|APPDATA"
    r"|LOCALAPPDATA|PROGRAMFILES\w*|VIRTUAL_ENV|CONDA_PREFIX|PYENV_\w+|GOPATH|GOROOT|GOMODCACHE|GOCACHE|CARGO_HOME"
    r"|RUSTUP_HOME|JAVA_HOME|M2_HOME|MAVEN_HOME|GRADLE_USER_HOME|NVM_\w+|VOLTA_HOME|GEM_HOME|GEM_PATH|DOTNET_ROOT"
    r"|XDG_CACHE_HOME",
    re.IGNORECASE,
)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_RAN_NONE = re.compile(
    r"no tests? (?:to run|ran|found)|Ran 0 tests|^# tests 0$|collected 0 items|No tests found", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it; `output` is what the tool said, for the model alone, and `reason` why it was not run."""

    outcome: Literal["passed", "failed", "not run"]
    output: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where tests run: the workspace's folder, its open buffers by path, and the patterns of further secret files."""

    folder: str
    buffers: Mapping[str, str] = field(default_factory=dict)
    refused: tuple[str, ...] = ()


async def run(bench: Bench, plan: Plan, text: str, names: Sequence[str], deadline_s: float) -> Trial:
    """Runs the tests `names` of a file that would hold `text`; what it started is gone when this returns."""
    command = _command(bench.folder, plan, names)
    if command is None:
        return Trial("not run", reason=f"The program of {plan.framework.name} was not found.")
    place = Path(tempfile.mkdtemp(prefix="instant-tests-"))
    try:
        copied = asyncio.ensure_future(asyncio.to_thread(_copy, bench, place, plan.path, text))
        try:
            reason = await asyncio.shield(copied)
        except asyncio.CancelledError:
            await copied  # a thread is not stopped, and would write on into what is deleted
            raise
        if reason:
            return Trial("not run", reason=reason)
        return await _ran(command, place / plan.project, place, deadline_s)
    except OSError as error:
        return Trial("not run", reason=f"The tests could not be run ({error.strerror}).")
    finally:
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


async def _ran(command: Sequence[str], cwd: Path, place: Path, deadline_s: float) -> Trial:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    said = bytearray()
    reading = asyncio.create_task(_read(process, said))
    try:
        async with asyncio.timeout(deadline_s):
            # `wait` returns only when nobody holds the pipe any more, and what was left running may hold it for ever.
            while process.returncode is None:  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        return Trial("not run", reason=f"The tests did not end within {deadline_s:g} s.")
    finally:
        _end(process)
        await asyncio.wait([reading], timeout=_LEFT_S)
        process._transport.close()  # type: ignore[attr-defined]  # what has left the group may hold the pipe for ever
        await process.wait()
    output = _ESCAPES.sub("", said.decode("utf-8", "replace")).replace(f"{place}{os.sep}", "").replace(str(place), ".")
    is_passed = process.returncode == 0 and not _RAN_NONE.search(output)
    return Trial("passed" if is_passed else "failed", output[-MAX_OUTPUT_CHARS:].strip())


async def _read(process: asyncio.subprocess.Process, said: bytearray) -> None:
    """Reads all that the process says; its end is kept in `said`."""
    assert process.stdout is not None
    while piece := await process.stdout.read(65_536):
        said += piece
        del said[:-_MAX_READ_BYTES]


def _end(process: asyncio.subprocess.Process) -> None:
    """Ends the process and all that it has started and left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        elif process.returncode is None:
            process.kill()


def environment() -> dict[str, str]:
    """What of our own environment a run gets."""
    kept = {name: value for name, value in os.environ.items() if _KEPT_VARIABLES.fullmatch(name)}
    kept["PATH"] = _path()
    return {**kept, "CI": "1", "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _path() -> str:
    """Relative entries would let an opened repository bring its own programs."""
    return os.pathsep.join(one for one in os.environ.get("PATH", "").split(os.pathsep) if os.path.isabs(one))


def _command(folder: str, plan: Plan, names: Sequence[str]) -> list[str] | None:
    """The arguments to start; None where the framework cannot be run, or its program is not there."""
    if not plan.framework.run:
        return None
    inner = os.path.relpath(plan.path, plan.project or ".").replace(os.sep, "/")
    around, _, name = inner.rpartition("/")
    filled = {
        "{file}": inner,
        "{folder}": around or ".",
        "{stem}": name.split(".")[0],
        "{names}": "|".join(names),
        "{or_names}": " or ".join(names),
    }
    program = _program(folder, plan.project, plan.framework.run[0].strip("[]").split("|"))
    if program is None:
        return None
    arguments = [program]
    for part in plan.framework.run[1:]:
        if part == "{*names}":
            arguments += names
        else:
            arguments.append(re.sub(r"\{\w+\}", lambda found: filled[found[0]], part))
    return arguments


def _program(folder: str, project: str, wanted: Sequence[str]) -> str | None:
    """The first program of these that is there: in the project or the folders around it, else on the PATH."""
    for name in wanted:
        if "/" not in name:
            found = shutil.which(name, path=_path())
            if found:
                return found
            continue
        for around in _around(project):
            path = os.path.join(folder, around, name)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return path
    return None


def _around(project: str) -> Iterator[str]:
    while project:
        yield project
        project = project.rpartition("/")[0]
    yield ""


def _copy(bench: Bench, place: Path, path: str, text: str) -> str:
    """Copies the folder as the editor has it, with the tests; why that cannot be, "" where it was done."""
    if not _copied(bench, place):
        return "The folder is too large to be copied for a run."
    if not is_within(str(place), path):
        return "They lie in a folder of installed packages, of which no copy is made."
    for name, content in {**bench.buffers, path: text}.items():
        is_secret = name != path and is_refused(name, os.path.join(bench.folder, name), bench.refused)
        # What was installed is linked to, and would be written where it is.
        if not is_secret and is_within(str(place), name):
            file = place / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode("utf-8", "replace"))
    return ""


def _copied(bench: Bench, place: Path) -> bool:
    n_files = n_bytes = 0
    for root, folders, names in os.walk(bench.folder):
        target = place / os.path.relpath(root, bench.folder)
        target.mkdir(parents=True, exist_ok=True)
        for name in folders:
            source = os.path.join(root, name)
            if name in _INSTALLED or os.path.islink(source):
                _link(bench.folder, source, target / name, is_installed=name in _INSTALLED)
        folders[:] = [name for name in folders if _is_copied(root, name)]
        for name in names:
            source = os.path.join(root, name)
            relative = os.path.relpath(source, bench.folder).replace(os.sep, "/")
            state = os.lstat(source)
            if is_refused(relative, source, bench.refused):
                continue
            if stat.S_ISLNK(state.st_mode):
                _link(bench.folder, source, target / name)
            elif stat.S_ISREG(state.st_mode):
                n_files, n_bytes = n_files + 1, n_bytes + state.st_size
                if n_files > MAX_FILES or n_bytes > MAX_BYTES:
                    return False
                shutil.copy(source, target / name)
    return True


def _is_copied(root: str, name: str) -> bool:
    is_built = name in BUILT and "src" not in root.split(os.sep)
    return name not in VENDORED and not is_built and not os.path.islink(os.path.join(root, name))


def _link(folder: str, source: str, target: Path, *, is_installed: bool = False) -> None:
    """What was installed is linked to where it is; a link within the folder leads to the copy, others are left out."""
    if is_installed and not os.path.islink(source):
        target.symlink_to(source, target_is_directory=True)
        return
    leads_to, base = os.path.realpath(source), os.path.realpath(folder)
    if leads_to.startswith(base + os.sep):
        inner = os.path.relpath(leads_to, os.path.realpath(os.path.dirname(source)))
        target.symlink_to(inner, target_is_directory=os.path.isdir(leads_to))
