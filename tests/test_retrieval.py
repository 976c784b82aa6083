"""Which snippets are found for a cursor, by the index of a small workspace on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marks import CURSOR, files
from test_graph import indexed, language

from context.codegraph.current import follow
from context.codegraph.extract import extract
from context.codegraph.facts import FileFacts
from context.codegraph.graph import Graph
from context.codegraph.roots import Root
from context.document import Snapshot
from context.recent import Region
from context.retrieval import Place, Retrieval
from context.window import Snippet


class Found(NamedTuple):
    """What was found: the snippets, and their lines as "path: line" with whole texts, best first."""

    snippets: tuple[Snippet, ...]

    def lines(self, origin: str = "") -> list[str]:
        return [
            f"{one.path}: {line.strip()}"
            for one in self.snippets
            if one.origin == (origin or one.origin)
            for line in one.text.splitlines()
        ]


def check_found(
    folder: Path,
    text: str,
    *,
    regions: Sequence[Region] = (),
    visits: Sequence[str] = (),
    room: float = 1_000.0,
    shown: range = range(0),
    stored: str | None = None,
) -> Found:
    """The snippets for the cursor, after what must hold for all of them.

    Before a path, `*` marks a buffer as it is in an editor, unsaved, and `@name/` a file of a further root.
    `stored` is what the index holds of the file at the cursor, where that is not the same.
    """
    texts = files(text)
    (path,) = (path for path, written in texts.items() if CURSOR in written)
    offset, document = texts[path].index(CURSOR), texts[path].replace(CURSOR, "")
    buffers = {name[1:]: written for name, written in texts.items() if name.startswith("*")}
    saved = {name: written for name, written in texts.items() if not name.startswith("*")}
    roots = list(indexed(folder, {**saved, path: document if stored is None else stored}))
    graph = Graph(roots)
    retrieval = Retrieval(graph)
    retrieval.warm()
    facts = facts_of(roots[0], path, document)
    place = Place(snapshot(path, document), offset, facts, room, tuple(regions), tuple(visits), shown)
    retrieval.find(place)
    for name, written in buffers.items():
        roots[0].reader.overlay.put(extract(name, language(name), written.encode()), written)
    graph.forget()
    found = Found(retrieval.find(place))
    check_snippets(found.snippets, {**saved, **buffers, path: document})
    return found


def check_snippets(snippets: Sequence[Snippet], texts: dict[str, str]) -> None:
    """Each stands where it says, and no line is there twice."""
    texts = {path.removeprefix("@"): text for path, text in texts.items()}
    places = []
    for one in snippets:
        n_lines = one.text.count("\n")
        lines = [line.rstrip("\r\n") for line in texts[one.path].split("\n")][one.line : one.line + n_lines]
        assert [line.rstrip("\r") for line in one.text.split("\n")[:-1]] == lines
        assert n_lines > 0
        assert one.origin
        places += [(one.path, one.line + n) for n in range(n_lines)]
    assert len(places) == len(set(places))


def facts_of(root: Root, path: str, document: str) -> FileFacts:
    """As while somebody types: what was known some edits ago, as far as it still holds."""
    before = FileFacts(
        path, language(path), 0, tuple(root.reader.symbols_of(path)), tuple(root.reader.imports_of(path))
    )
    if before.symbols or before.imports:
        return follow(before, document)
    return extract(path, language(path), document.encode())


def snapshot(path: str, text: str) -> Snapshot:
    return Snapshot(f"file:///work/{path}", path, language(path), 1, text)


DEFINITIONS = {
    "python": """\
-- legacy.py --
def total_of(x): ...
-- prices.py --
def total_of(cart, day): ...
-- main.py --
from prices import total_of

print(total_of(<|>))
""",
    "typescript": """\
-- legacy.ts --
export function total_of(x: number) {}
-- prices.ts --
export function total_of(cart: Cart, day: Day) {}
-- main.ts --
import { total_of } from "./prices";

console.log(total_of(<|>));
""",
    "go": """\
-- go.mod --
module acme.com/shop
-- legacy/legacy.go --
package legacy

func Total_of(x int) {}
-- prices/prices.go --
package prices

func Total_of(cart Cart, day Day) {}
-- main.go --
package main

import "acme.com/shop/prices"

func main() { prices.Total_of(<|>) }
""",
    "rust": """\
-- Cargo.toml --
[package]
name = "shop"
-- src/legacy.rs --
pub fn total_of(x: u8) {}
-- src/prices.rs --
pub fn total_of(cart: Cart, day: Day) {}
-- src/main.rs --
mod prices;
use prices::total_of;

fn main() { total_of(<|>) }
""",
    "java": """\
-- acme/legacy/Prices.java --
package acme.legacy;
public class Prices { static int total_of(int x) { return 0; } }
-- acme/prices/Prices.java --
package acme.prices;
public class Prices {
    static int total_of(Cart cart, Day day) { return 0; }
}
-- acme/web/App.java --
package acme.web;
import acme.prices.Prices;

class App { int run() { return Prices.total_of(<|>); } }
""",
    "c": """\
-- legacy.h --
int total_of(int x);
-- prices.h --
int total_of(struct cart *cart, struct day *day);
-- main.c --
#include "prices.h"

int main(void) { return total_of(<|>); }
""",
}


@pytest.mark.parametrize("text", DEFINITIONS.values(), ids=DEFINITIONS)
def test_the_definition_of_what_is_called_and_not_its_namesake(tmp_path: Path, text: str) -> None:
    found = check_found(tmp_path, text).lines("definition")
    (called,) = (line for line in found if "otal_of" in line)
    assert "day" in called


MEMBERS = """\
-- legacy.py --
class Basket:
    def total_sum(self): ...
-- shop.py --
class Parcel:
    def total_weight(self): ...

class Order:
    def total_cents(self, day): ...
-- main.py --
from legacy import Basket
from shop import Order, Parcel

def pay(one: Order, other: Parcel, third: Basket):
    if done:
        return one.<|>
"""


def test_members_of_the_receiver_come_first(tmp_path: Path) -> None:
    found = check_found(tmp_path, MEMBERS).lines("definition")
    members = [line for line in found if "def total" in line]
    assert members[0] == "shop.py: def total_cents(self, day): ..."


def test_a_member_comes_after_the_line_of_its_type(tmp_path: Path) -> None:
    found = check_found(tmp_path, MEMBERS).lines("definition")
    assert found.index("shop.py: class Order:") < found.index("shop.py: def total_cents(self, day): ...")


def test_what_is_half_typed_is_looked_for_by_its_beginning(tmp_path: Path) -> None:
    text = """\
-- shop.py --
def refund_order(): ...
def repay_order(): ...
def release_order(): ...
-- main.py --
import shop

def run():
    shop.rel<|>
"""
    found = check_found(tmp_path, text).lines("definition")
    assert found[0] == "shop.py: def release_order(): ..."


def test_members_of_the_base_of_the_class_at_the_cursor(tmp_path: Path) -> None:
    text = """\
-- base.py --
class Base:
    def commit_all(self): ...
-- main.py --
from base import Base

class Shop(Base):
    def close(self):
        self.<|>
"""
    assert "base.py: def commit_all(self): ..." in check_found(tmp_path, text).lines("definition")


def test_further_roots_are_named_and_come_after_the_workspace(tmp_path: Path) -> None:
    text = """\
-- @lib/money.py --
def rate_of(a): ...
-- rates.py --
def rate_of(b): ...
-- main.py --
value = rate_of(<|>)
"""
    assert check_found(tmp_path, text).lines() == ["rates.py: def rate_of(b): ...", "lib/money.py: def rate_of(a): ..."]


def test_an_unsaved_buffer_stands_in_place_of_its_file_at_once(tmp_path: Path) -> None:
    text = """\
-- shop.py --
def total_in_euros(cart): ...
-- *shop.py --
import os

def total_in_cents(cart, day): ...
-- main.py --
import shop

shop.total_<|>
"""
    found = check_found(tmp_path, text)
    assert found.snippets[0].line == 2
    assert found.lines() == ["shop.py: def total_in_cents(cart, day): ..."]


def test_a_file_that_was_never_saved_is_found(tmp_path: Path) -> None:
    text = "-- *shop.py --\ndef total_in_cents(cart): ...\n-- main.py --\nvalue = total_in_cents(<|>)\n"
    assert "shop.py: def total_in_cents(cart): ..." in check_found(tmp_path, text).lines("definition")


def test_what_was_deleted_in_a_buffer_is_not_similar_code_either(tmp_path: Path) -> None:
    body = "def ship(parcel):\n    warehouse.collect(parcel)\n    courier.announce(parcel)\n"
    text = f"-- shop.py --\n{body}-- main.py --\nwarehouse.collect(parcel)\ncourier.<|>\n"
    assert any("announce" in line for line in check_found(tmp_path / "a", text).lines("similar code"))
    assert check_found(tmp_path / "b", f"-- *shop.py --\nx = 1\n{text}").lines("similar code") == []


STALE = {
    "python": (
        "shop.py",
        "class Shop:\n    def total(self):\n        return self.secret_answer(<|>)\n",
        "    def secret_answer(self, day): ...\n",
    ),
    "go": (
        "shop.go",
        "package shop\n\nfunc total() int {\n\treturn secretAnswer(<|>)\n}\n",
        "func secretAnswer(day int) int { return 0 }\n",
    ),
    "java": (
        "acme/Shop.java",
        "package acme;\nclass Shop {\n  int total() { return secretAnswer(<|>); }\n}\n",
        "class Other {\n  int secretAnswer(int day) { return 0; }\n}\n",
    ),
    "typescript": (
        "shop.ts",
        "export class Shop {}\nconst total = secretAnswer(<|>);\n",
        "export function secretAnswer(day: Day) {}\n",
    ),
    "c": ("shop.h", "int total(void) { return secret_answer(<|>); }\n", "int secret_answer(int day);\n"),
}


@pytest.mark.parametrize(("path", "document", "answer"), STALE.values(), ids=STALE)
def test_what_was_taken_out_of_the_document_does_not_come_back(
    tmp_path: Path, path: str, document: str, answer: str
) -> None:
    stored = document.replace(CURSOR, "") + answer
    found = check_found(tmp_path, f"-- {path} --\n{document}", stored=stored, visits=(path,))
    assert not [line for line in found.lines() if "day" in line]


def test_a_circle_of_imports_does_not_bring_it_back(tmp_path: Path) -> None:
    document = "from pkg import other\n\nvalue = other.secret_answer(<|>)\n"
    text = f"-- pkg/__init__.py --\nfrom .shop import *\n-- pkg/shop.py --\n{document}"
    stored = document.replace(CURSOR, "") + "def secret_answer(day): ...\n"
    assert not [line for line in check_found(tmp_path, text, stored=stored).lines() if "day" in line]


def test_the_outline_of_the_file_beyond_what_is_shown(tmp_path: Path) -> None:
    filler = "".join(f"x_{n} = {n}\n" for n in range(40))
    document = f"def total_of(cart, day): ...\n{filler}value = total_of(<|>)\n\ndef total_by(cart): ...\n"
    text = f"-- main.py --\n{document}"
    assert "main.py: def total_of(cart, day): ..." in check_found(tmp_path / "a", text).lines("outline")
    found = check_found(tmp_path / "b", text, shown=range(0, 44)).lines("outline")
    assert not [line for line in found if "def" in line]


@pytest.mark.parametrize(
    ("path", "other", "definition"),
    [
        ("tests/test_prices.py", "src/prices.py", "def price_of(cart): ..."),
        ("src/prices.py", "tests/test_prices.py", "def price_of(cart): ..."),
        ("prices.test.ts", "prices.ts", "function price_of(cart) {}"),
        ("src/prices.go", "src/prices_test.go", "func price_of(cart int) {}"),
        ("src/PricesTest.java", "main/Prices.java", "class Prices { int price_of() { return 1; } }"),
        ("prices.h", "prices.c", "int price_of(int cart) { return 1; }"),
    ],
)
def test_a_file_goes_with_its_tests(tmp_path: Path, path: str, other: str, definition: str) -> None:
    """Though neither names the other, and the cursor names nothing of it in full."""
    text = f"-- {other} --\n{definition}\n-- {path} --\n// price<|>\n"
    assert [line for line in check_found(tmp_path, text).lines("definition") if line.startswith(f"{other}: ")]


def test_visited_files_are_looked_at(tmp_path: Path) -> None:
    text = "-- shop.py --\ndef price_of(cart): ...\n-- main.py --\n# price<|>\n"
    assert check_found(tmp_path / "a", text).lines("definition") == []
    visited = check_found(tmp_path / "b", text, visits=("shop.py", "gone.py"))
    assert visited.lines("definition") == ["shop.py: def price_of(cart): ..."]


def test_similar_code(tmp_path: Path) -> None:
    text = """\
-- other.py --
def unrelated():
    return 1
-- shop.py --
def ship(parcel):
    warehouse.collect(parcel)
    courier.announce(parcel)
-- main.py --
def send(parcel):
    warehouse.collect(parcel)
    <|>
"""
    found = check_found(tmp_path, text).lines("similar code")
    shop = [line for line in found if line.startswith("shop.py: ")]
    assert "shop.py: courier.announce(parcel)" in shop
    assert found[: len(shop)] == shop


def test_of_a_long_chunk_the_stretch_that_is_alike(tmp_path: Path) -> None:
    filler = "".join(f"    step_{n}()\n" for n in range(20))
    text = f"-- shop.py --\ndef ship():\n{filler}    warehouse.collect()\n    courier.announce()\n{filler}"
    text += "-- main.py --\nwarehouse.collect()\n<|>\n"
    found = check_found(tmp_path, text).lines("similar code")
    assert "shop.py: warehouse.collect()" in found
    assert len(found) < 20
    assert "shop.py: courier.announce()" in found


def test_what_was_edited_lately(tmp_path: Path) -> None:
    lines = "".join(f"line_{n}()\n" for n in range(60))
    text = f"-- shop.py --\n{lines}-- main.py --\n<|>\n"
    regions = (Region("main.py", 0, 1), Region("gone.py", 3, 4), Region("shop.py", 30, 32))
    found = check_found(tmp_path, text, regions=regions).lines("edited lately")
    assert {"shop.py: line_30()", "shop.py: line_31()"} <= set(found)
    assert len(found) <= 12


def test_edits_that_are_not_saved_are_shown_as_they_are(tmp_path: Path) -> None:
    text = "-- shop.py --\na = 1\n-- *shop.py --\nb = 2\nc = 3\n-- main.py --\n<|>\n"
    found = check_found(tmp_path, text, regions=(Region("shop.py", 1, 2),)).lines("edited lately")
    assert found == ["shop.py: b = 2", "shop.py: c = 3"]


def test_a_file_that_has_changed_since_it_was_indexed_shows_no_lines(tmp_path: Path) -> None:
    (root,) = indexed(tmp_path, files("-- shop.py --\nold_value = compute()\n"))
    (tmp_path / "workspace" / "shop.py").write_text("new_value = other_thing()\n")
    place = Place(
        snapshot("main.py", "old_value = "), 12, extract("main.py", "python", b""), 500.0, (Region("shop.py", 0, 1),)
    )
    found = Found(Retrieval(Graph([root])).find(place))
    assert found.lines("similar code") + found.lines("edited lately") == []


def test_what_the_document_says_itself_is_not_shown_again(tmp_path: Path) -> None:
    text = "-- shop.py --\nwarehouse.collect(parcel)\n-- main.py --\nwarehouse.collect(parcel)\n<|>\n"
    assert check_found(tmp_path, text).lines() == []


def test_nothing_is_there_twice_though_several_sources_find_it(tmp_path: Path) -> None:
    text = """\
-- shop.py --
def ship_parcel(parcel): ...
def send_parcel(parcel): ...
-- main.py --
from shop import ship_parcel
ship_parcel(parcel)
send_parcel(<|>)
"""
    found = check_found(tmp_path, text, regions=(Region("shop.py", 0, 2),), visits=("shop.py",)).lines()
    assert sorted(found) == sorted(set(found))
    assert "shop.py: def ship_parcel(parcel): ..." in found


def test_a_small_room_is_filled_and_little_more(tmp_path: Path) -> None:
    many = "".join(f"def price_{chr(97 + n % 26)}{n}(cart): ...\n" for n in range(300))
    text = f"-- shop.py --\n{many}-- main.py --\nimport shop\nshop.price_<|>\n"
    small, large = check_found(tmp_path / "a", text, room=60.0), check_found(tmp_path / "b", text, room=400.0)
    assert 0 < len(small.snippets) < len(large.snippets)
    assert check_found(tmp_path / "c", text, room=0.0).snippets == ()


@pytest.mark.parametrize("fault", ["none", "empty", "corrupt", "folder"])
def test_without_an_index_there_is_nothing_and_no_error(tmp_path: Path, fault: str) -> None:
    store = tmp_path / "x.sqlite3"
    match fault:
        case "empty":
            store.touch()
        case "corrupt":
            store.write_bytes(b"no database" * 1_000)
        case "folder":
            store.mkdir()
    retrieval = Retrieval(Graph([Root(tmp_path, store), Root(tmp_path / "gone", store, name="lib")]))
    retrieval.warm()
    text = "import shop\n\ndef run(self):\n    return shop.total_of(self.price)\n"
    facts = extract("main.py", "python", text.encode())
    place = Place(
        snapshot("main.py", text), text.index("self.price") + 5, facts, 500.0, (Region("a.py", 0, 1),), ("b.py",)
    )
    assert [one for one in retrieval.find(place) if one.path != "main.py"] == []


def test_an_index_that_breaks_in_between(tmp_path: Path) -> None:
    texts = files("-- shop.py --\ndef total_of(cart): ...\n-- other.py --\ndef other(): ...\n")
    (root,) = indexed(tmp_path, texts)
    graph = Graph([root])
    retrieval = Retrieval(graph)
    text = "from shop import total_of\nvalue = total_of()\n"
    place = Place(snapshot("main.py", text), len(text) - 2, extract("main.py", "python", text.encode()), 500.0)
    assert Found(retrieval.find(place)).lines("definition") == ["shop.py: def total_of(cart): ..."]
    root.reader.close()
    for file in tmp_path.glob("*.sqlite3*"):
        file.write_bytes(b"no database" * 1_000)
    graph.forget()
    assert retrieval.find(place) == ()


def test_a_file_without_a_grammar(tmp_path: Path) -> None:
    text = "-- notes.lua --\nlocal basket = warehouse.collect(parcel)\nbasket.close(parcel)\n"
    text += "-- main.lua --\nwarehouse.collect(parcel)<|>\n"
    assert "notes.lua: basket.close(parcel)" in check_found(tmp_path, text).lines("similar code")


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_names_and_words_of_any_script(tmp_path: Path, line_end: str) -> None:
    text = """\
-- 注文.py --
class 注文書:
    def 支払う(self, 日): ...
-- main.py --
from 注文 import 注文書

書 = 注文書()
書.<|>
"""
    written = {path: line_end.join(one.split("\n")) for path, one in files(text).items()}
    found = check_found(tmp_path, "".join(f"-- {path} --\n{one}" for path, one in written.items()))
    assert "注文.py: def 支払う(self, 日): ..." in found.lines("definition")


_LINES = st.sampled_from(
    [
        *(
            "from shop import Order",
            "class Cart(Order):",
            "    def add(self, one: Order):",
            "        self.",
            "one = Order()",
        ),
        *("one.pay", "import shop as s", "}{", "", "合計 = 注文()", "\r", "a.b.c().d[0].", "@", "Order::new(", "$x->"),
    ]
)


@pytest.fixture(scope="module")
def retrieval(tmp_path_factory: pytest.TempPathFactory) -> Retrieval:
    text = "-- shop.py --\nclass Order:\n    def pay(self): ...\n-- 注文.py --\ndef 注文(): ...\n"
    return Retrieval(Graph(list(indexed(tmp_path_factory.mktemp("shop"), files(text)))))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_LINES, max_size=10), st.lists(_LINES, max_size=10), st.integers(0, 300))
def test_any_text_at_any_place(retrieval: Retrieval, before: list[str], after: list[str], at: int) -> None:
    document = "\n".join(after)
    facts = follow(extract("main.py", "python", "\n".join(before).encode()), document)
    texts = {"shop.py": "class Order:\n    def pay(self): ...\n", "注文.py": "def 注文(): ...\n", "main.py": document}
    check_snippets(retrieval.find(Place(snapshot("main.py", document), min(at, len(document)), facts, 200.0)), texts)
