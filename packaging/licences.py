"""Writes the table of what is installed with the server, by the lock, and under which licence: docs/licences.md.

python packaging/licences.py          in an environment that was installed from the lock
"""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK, TABLE = ROOT / "requirements.lock", ROOT / "docs" / "licences.md"
PERMISSIVE = re.compile(r"MIT|BSD|Apache|PSF|ISC|MPL")
"""All that may be in the lock. The Mozilla licence asks for changes of its own files alone, and none are made."""

HEAD = """# Licences of what is installed with the server

From each package's own metadata, by `python packaging/licences.py`; the versions are those of `requirements.lock`,
which holds the hashes of every file that is installed.

| package | version | licence |
|---|---|---|
"""


def locked() -> dict[str, str]:
    """Name and version of every package in the lock."""
    return dict(re.findall(r"^([a-z0-9_.-]+)==([^ \\]+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE))


def licence_of(name: str) -> str:
    """What a package's metadata says: its expression, else its classifiers, else its own words."""
    metadata = importlib.metadata.metadata(name)
    classified = [one for one in metadata.get_all("Classifier", []) if one.startswith("License ::")]
    named = " and ".join(one.rpartition(" :: ")[2].removesuffix(" License") for one in classified)
    return metadata["License-Expression"] or named or (metadata["License"] or "").partition("\n")[0]


def table() -> str:
    """The page."""
    return HEAD + "".join(f"| {name} | {version} | {licence_of(name)} |\n" for name, version in locked().items())


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
