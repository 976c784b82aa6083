"""What a name at a place means, and what a stretch uses of other files, by the index of a small workspace on disk."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from marks import CURSOR, files
from test_graph import seen

from context.codegraph.graph import View
from context.defined import Defined
from context.document import Snapshot
from context.meaning import defined_at, used_in

SHOP = '''\
-- shop.py --
class Priced:
    def total_in_euros(self, discount: float) -> float:
        """What is to be paid."""

class Basket(Priced):
    """What somebody buys."""

    items: list[str]

    def add(self, item: str) -> None: ...

def make_basket(owner: str) -> Basket:
    return Basket()

-- stock.py --
def deliver_order(order): ...
def info(text): ...

'''


def check_meaning(folder: Path, text: str, *expected: str) -> list[Defined]:
    """The name at the cursor means these, in order: each "path:line", from 1 on."""
    view, snapshot, offset = place(folder, text)
    name = re.compile(r"\w+").match(snapshot.text, offset)
    assert name is not None
    found = defined_at(view, snapshot, *name.span())
    assert [f"{one.path}:{one.line + 1}" for one in found] == list(expected)
    return found


def check_used(folder: Path, text: str, *expected: str) -> list[Defined]:
    """What stands from the cursor to the end of the text uses exactly these: each "path name"."""
    view, snapshot, offset = place(folder, text)
    found = used_in(view, snapshot, offset, len(snapshot.text), 16)
    assert [f"{one.path} {one.name}" for one in found] == list(expected)
    return found


def place(folder: Path, text: str) -> tuple[View, Snapshot, int]:
    (path,) = (path for path, written in files(text).items() if CURSOR in written)
    view, document, offset = seen(folder, text)
    return view, Snapshot((folder / "workspace" / path).as_uri(), path, view.file.language, 1, document), offset


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from shop import Basket\nb = <|>Basket()\n", ["shop.py:5"]),
        ("from shop import Basket as B\nb = <|>B()\n", ["shop.py:5"]),
        ("import shop\nb = shop.<|>Basket()\n", ["shop.py:5"]),
        ("from shop import Basket\ndef f(b: Basket):\n    b.<|>add('x')\n", ["shop.py:10"]),
        ("from shop import Basket\ndef f(b: Basket):\n    b.<|>total_in_euros(0.1)\n", ["shop.py:2"]),
        ("from shop import make_basket\nb = make_basket('x')\nb.<|>add('x')\n", ["shop.py:10"]),
        ("def <|>pay(): ...\n", ["a.py:1"]),
        ("class Local:\n    def <|>add(self): ...\n    def twice(self):\n        self.add()\n", ["a.py:2"]),
        ("class Local:\n    def add(self): ...\n    def twice(self):\n        self.<|>add()\n", ["a.py:2"]),
    ],
)
def test_what_a_name_means(tmp_path: Path, text: str, expected: list[str]) -> None:
    check_meaning(tmp_path, f"{SHOP}-- a.py --\n{text}", *expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(b):\n    b.<|>total_in_euros(1)\n", ["shop.py:2"]),
        ("def f(b):\n    b.<|>add(1)\n", []),
        ("import logging\nlogging.<|>info('x')\n", []),
        ("import logging\nlog = logging.getLogger()\nlog.<|>deliver_order('x')\n", []),
        ("', '.<|>info()\n", []),
        ("f().\\\n    <|>info()\n", []),
        ("from elsewhere import info\n<|>info('x')\n", []),
        ("<|>deliver_order(1)\n", ["stock.py:1"]),
        ("deliver_order = 1\nf(<|>deliver_order)\n", ["a.py:1"]),
        ("def f(deliver_order):\n    return <|>deliver_order\n", []),
        ("x: <|>Basket\n", ["shop.py:5"]),
    ],
)
def test_a_strangers_namesake_is_not_meant(tmp_path: Path, text: str, expected: list[str]) -> None:
    check_meaning(tmp_path, f"{SHOP}-- a.py --\n{text}", *expected)


def test_what_is_told_of_a_definition(tmp_path: Path) -> None:
    text = f"{SHOP}-- a.py --\nfrom shop import Basket\ndef f(b: Basket): b.<|>total_in_euros(1)\n"
    (told,) = check_meaning(tmp_path, text, "shop.py:2")
    assert told.signature == "def total_in_euros(self, discount: float) -> float:"
    assert told.doc == "What is to be paid."
    assert told.language == "python"
    there = Path(unquote(urlsplit(told.uri).path))
    assert there.read_text().splitlines()[told.line].strip() == told.signature


def test_line_breaks_and_letters_of_any_kind(tmp_path: Path) -> None:
    shop = "def 他():\r\n    pass\r\n\r\n@cache\r\ndef 合計(\r\n    左, # 🎉\r\n): ...\r\n"
    text = f"-- 店.py --\n{shop}-- a.py --\nfrom 店 import 合計\r\n'🎉'; print(<|>合計(1))\r\n"
    (told,) = check_meaning(tmp_path, text, "店.py:4")
    assert told.signature == "@cache\ndef 合計(\n    左, # 🎉\n): ..."


def test_what_a_stretch_uses_of_other_files(tmp_path: Path) -> None:
    text = (
        f"{SHOP}-- a.py --\nfrom shop import Basket, make_basket\n\ndef own(): ...\n\n"
        "<|>def f(b: Basket):\n    own()\n    b.add('x')\n    return make_basket('y').totl()\n"
    )
    found = check_used(tmp_path, text, "shop.py Basket", "shop.py add", "shop.py make_basket")
    assert found[0].signature.splitlines() == [
        "class Basket(Priced):",
        "    items: list[str]",
        "    def add(self, item: str) -> None: ...",
        "    def total_in_euros(self, discount: float) -> float:",
    ]
    assert found[1].signature.startswith("class Basket(Priced):\n    def add(")


def test_a_functions_return_type_comes_with_it(tmp_path: Path) -> None:
    text = f"{SHOP}-- a.py --\nfrom shop import *\n\n<|>def f():\n    b = make_basket('x')\n    b.ad()\n"
    check_used(tmp_path, text, "shop.py make_basket", "shop.py Basket")


def test_the_bases_of_the_class_around_come_too(tmp_path: Path) -> None:
    text = "from shop import Basket\nclass Gift(Basket):\n<|>    def f(self):\n        self.ad()\n"
    check_used(tmp_path, f"{SHOP}-- a.py --\n{text}", "shop.py Basket")
