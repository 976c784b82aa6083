"""A real Emacs, by eglot and by lsp-mode, on the real server: a word is completed, and the file saved."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from scripted_endpoint import Reply, ScriptedEndpoint, in_thread
from wire import own_environment

SMOKE = Path(__file__).with_name("emacs_smoke.el")
SERVER = [sys.executable, "-P", "-m", "lsp_server", "serve"]
PACKAGES = Path("/usr/share/emacs/site-lisp/elpa")
DEADLINE_S = 180


@pytest.mark.parametrize("client", ["eglot", "lsp-mode"])
def test_emacs_completes_a_word(client: str, tmp_path: Path) -> None:
    emacs = shutil.which("emacs")
    if emacs is None or not any(PACKAGES.glob(f"{client}-*")):
        pytest.skip(f"no Emacs with {client} here: apt-get install emacs-nox elpa-{client}")
    path = tmp_path / "sum.smoke"
    path.write_text("名 = '🎉'\nx = pri\n", encoding="utf-8")
    with in_thread(ScriptedEndpoint()) as endpoint:
        endpoint.reply = Reply(("nt('🎉', 名)",))
        environment = own_environment(tmp_path, INSTANT_LSP_ENDPOINT_INSTANT_URL=endpoint.url, LANG="C.UTF-8")
        argv = [emacs, "--batch", "-l", str(SMOKE), client, str(path), *SERVER]
        done = subprocess.run(
            argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
    assert done.returncode == 0, done.stderr[-3000:]
    assert path.read_text(encoding="utf-8") == "名 = '🎉'\nx = print('🎉', 名)\n"
