"""What the VS Code extension declares: keys, languages, places where it runs, and how it finds or makes the server."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

EXTENSION = Path(__file__).parents[1] / "editors" / "vscode"
ESBUILD = EXTENSION / "node_modules" / ".bin" / "esbuild"


def _json(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((EXTENSION / name).read_text(encoding="utf-8"))
    return read


MANIFEST = _json("package.json")
CONTRIBUTED = MANIFEST["contributes"]
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in sorted((EXTENSION / "src").glob("*.ts")))


def test_no_key_is_taken_from_the_suggest_widget() -> None:
    keys = {binding["key"]: binding["when"] for binding in CONTRIBUTED["keybindings"]}
    assert {"tab", "enter", "escape", "up", "down"}.isdisjoint(keys)
    assert all("editorTextFocus" in when for when in keys.values())
    assert "inlineSuggestionVisible" in keys["ctrl+alt+right"]


@pytest.mark.parametrize("language", ["", ".ja"])
def test_every_text_of_the_manifest_is_in_each_language(language: str) -> None:
    used = set(re.findall(r"%([\w.]+)%", json.dumps(MANIFEST)))
    assert used == set(_json(f"package.nls{language}.json"))


def test_every_text_of_the_code_is_in_japanese_with_the_same_places() -> None:
    said = re.findall(r"l10n\.t\(\s*(?:\"([^\"]+)\"|'([^']+)')", SOURCES)
    english, japanese = _json("l10n/bundle.l10n.json"), _json("l10n/bundle.l10n.ja.json")
    assert {double or single for double, single in said} == set(english) == set(japanese)
    for text, translated in japanese.items():
        assert set(re.findall(r"\{\d\}|\$\([\w-]+\)", text)) == set(re.findall(r"\{\d\}|\$\([\w-]+\)", translated))


def test_nothing_pops_up() -> None:
    assert not re.findall(r"show(?:Information|Warning|Error)Message", SOURCES)


def test_every_command_of_its_own_is_in_the_palette() -> None:
    offered = {one["command"] for one in CONTRIBUTED["commands"]}
    own = re.search(r"OWN = \{(.*?)\}", SOURCES, re.DOTALL)
    assert own is not None
    assert set(re.findall(r'"(instant\.\w+)"', own[1])) <= offered
    linked = re.findall(r"command:(instant\.\w+)", json.dumps(_json("package.nls.json")))
    assert linked
    assert set(linked) <= offered


def test_it_runs_where_the_code_is_and_in_no_browser() -> None:
    assert MANIFEST["extensionKind"] == ["workspace"]
    assert "browser" not in MANIFEST
    assert MANIFEST["capabilities"]["virtualWorkspaces"]["supported"] is False


def test_an_untrusted_folder_names_no_program_and_no_endpoint() -> None:
    untrusted = MANIFEST["capabilities"]["untrustedWorkspaces"]
    assert untrusted["supported"] == "limited"
    naming = {
        name for name in CONTRIBUTED["configuration"]["properties"] if name.endswith((".path", ".url", "fallback_urls"))
    }
    assert naming <= set(untrusted["restrictedConfigurations"])


def test_the_walkthroughs_pictures_are_there_and_described() -> None:
    for step in CONTRIBUTED["walkthroughs"][0]["steps"]:
        assert (EXTENSION / step["media"]["image"]).is_file()
        assert step["media"]["altText"]


NODE_SCRIPT = """
const { findPython, install, installed, readWheelhouse } = require(process.argv[1]);
const [bundled, storage] = process.argv.slice(2);
(async () => {
  const wheelhouse = await readWheelhouse(bundled);
  if (wheelhouse === undefined) return { wheelhouse: null };
  const python = await findPython(wheelhouse);
  if (python === undefined) return { python: null };
  const before = (await installed(wheelhouse, storage)) ?? null;
  const made = await install(wheelhouse, storage, python);
  return { before, made, after: await installed(wheelhouse, storage) };
})().then((seen) => console.log(JSON.stringify(seen)));
"""


def check_environment(bundled: Path, storage: Path) -> dict[str, Any]:
    """What the extension's own code finds, makes and finds then, with the real Node, Python and pip."""
    node = shutil.which("node")
    if node is None or not ESBUILD.exists():
        pytest.skip("needs Node and the extension's packages: npm ci in editors/vscode")
    module = storage.with_name("environment.js")
    options = ["--bundle", "--platform=node", "--format=cjs", f"--outfile={module}", "--log-level=error"]
    subprocess.run([ESBUILD, EXTENSION / "src" / "environment.ts", *options], check=True)
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [node, "-e", NODE_SCRIPT, module, bundled, storage]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    seen: dict[str, Any] = json.loads(ran.stdout)
    return seen


def _wheelhouse(folder: Path, *, pythons: str = f"{sys.version_info.major}.{sys.version_info.minor}") -> Path:
    """As the archive for machines without network has it; its one wheel stands in for the server's."""
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    wheel = wheels / "instant_lsp-9.9-py3-none-any.whl"
    files = {
        "stand_in.py": "def main():\n    print('stand-in')\n",
        "instant_lsp-9.9.dist-info/METADATA": "Metadata-Version: 2.1\nName: instant-lsp\nVersion: 9.9\n",
        "instant_lsp-9.9.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "instant_lsp-9.9.dist-info/entry_points.txt": "[console_scripts]\ninstant-lsp = stand_in:main\n",
    }
    with zipfile.ZipFile(wheel, "w") as packed:
        record = ""
        for name, text in files.items():
            packed.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{name},sha256={digest},{len(text)}\n"
        packed.writestr("instant_lsp-9.9.dist-info/RECORD", f"{record}instant_lsp-9.9.dist-info/RECORD,,\n")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (folder / "requirements.txt").write_text(f"instant-lsp==9.9 --hash=sha256:{digest}\n")
    (folder / "PYTHONS").write_text(f"{pythons}\n")
    _pip(wheels)
    return folder


def _pip(wheels: Path) -> None:
    """The installed pip as a wheel, which needs no index."""
    import pip

    place = Path(pip.__file__).parent
    with zipfile.ZipFile(wheels / f"pip-{pip.__version__}-py3-none-any.whl", "w") as packed:
        for file in place.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                packed.write(file, file.relative_to(place.parent))


def test_a_server_is_made_from_the_extensions_wheels_and_used_from_then_on(tmp_path: Path) -> None:
    old = tmp_path / "storage" / "server-of-other-wheels-1"
    old.mkdir(parents=True)
    seen = check_environment(_wheelhouse(tmp_path / "bundled"), tmp_path / "storage")
    assert seen["before"] is None
    assert seen["after"] == seen["made"]
    ran = subprocess.run([seen["made"]], capture_output=True, text=True, check=True)
    assert ran.stdout == "stand-in\n"
    assert not old.exists()


def test_wheels_that_were_changed_are_not_installed(tmp_path: Path) -> None:
    bundled = _wheelhouse(tmp_path / "bundled")
    needed = bundled / "requirements.txt"
    needed.write_text(needed.read_text().replace("sha256:", "sha256:0")[:-2] + "\n")
    with pytest.raises(subprocess.CalledProcessError):
        check_environment(bundled, tmp_path / "storage")


def test_a_python_that_the_wheels_are_not_for_is_not_used(tmp_path: Path) -> None:
    bundled = _wheelhouse(tmp_path / "bundled", pythons="2.6")
    assert check_environment(bundled, tmp_path / "storage") == {"python": None}


def test_without_wheels_there_is_nothing_to_make(tmp_path: Path) -> None:
    assert check_environment(tmp_path / "bundled", tmp_path / "storage") == {"wheelhouse": None}
