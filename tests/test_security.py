"""What SECURITY.md says: the tests that it names are there, and so is every dependency's licence."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "packaging"))

import licences

ROOT = licences.ROOT
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`(test_\w+(?:::\w+)?)`", PAGE))))
def test_a_test_that_is_named_is_there(named: str) -> None:
    file, _, name = named.partition("::")
    text = (ROOT / "tests" / f"{file}.py").read_text(encoding="utf-8")
    assert not name or re.search(rf"^(async )?def {name}\(", text, re.MULTILINE)


def test_every_option_that_is_named_is_there() -> None:
    settings = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in settings for name in re.findall(r"`((?:endpoint|tests)\.[\w.]+)`", PAGE))


def test_each_locked_package_has_its_licence_in_the_table() -> None:
    rows = re.findall(
        r"^\| ([a-z0-9_.-]+) \| ([^|]+) \| ([^|]+) \|$", licences.TABLE.read_text(encoding="utf-8"), re.MULTILINE
    )
    rows = [row for row in rows if row[0] != "package"]
    assert {name: version for name, version, _ in rows} == licences.locked(), "run `python packaging/licences.py`"
    assert [row for row in rows if not licences.PERMISSIVE.search(row[2])] == []


def test_the_lock_has_a_hash_for_each_package() -> None:
    entries = re.split(r"\n(?=[a-z0-9])", licences.LOCK.read_text(encoding="utf-8"))
    assert [entry for entry in entries if "==" in entry and "--hash=sha256:" not in entry] == []
