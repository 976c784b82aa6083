"""What a name in a file means, by the index of a small workspace on disk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marks import CURSOR, files

from context.codegraph.current import follow, outline_around
from context.codegraph.extract import extract
from context.codegraph.facts import FileFacts
from context.codegraph.graph import Definition, Graph, View
from context.codegraph.indexer import Indexer
from context.codegraph.roots import Root
from context.languages import id_for_path
from context.nearby import look_nearby, type_of
from context.wanted import receiver_types


def check_definition(folder: Path, text: str, *expected: str) -> None:
    """The word at the cursor means exactly these, in order: each "path:line", from 1 on."""
    view, document, offset = seen(folder, text)
    word = re.match(r"\w+", document[offset:])
    assert word is not None
    assert [told(one) for one in view.definitions(word[0])] == list(expected)


def check_members(folder: Path, text: str, *expected: str) -> None:
    """What stands before the cursor has exactly these members, in order: each "path name"."""
    view, document, offset = seen(folder, text)
    nearby = look_nearby(document, offset)
    first = type_of(nearby.receiver[0], document, offset, view.file.language)
    owners = receiver_types(view, nearby, document.count("\n", 0, offset), first)
    members = [member for owner in owners for member in view.members(owner)]
    members += [Definition(file, at) for file in view.modules(nearby.receiver) for at in file.members.get(-1, ())]
    assert [f"{one.file.root.shown(one.file.path)} {one.symbol.name}" for one in members] == list(expected)


def check_followed(before: str, after: str, *expected: str, path: str = "a.py") -> None:
    """Facts of `before` say this of `after`: each "line name container", lines from 1 on."""
    facts = follow(extract(path, language(path), before.encode()), after)
    check_in_range(facts, after)
    names = [symbol.name for symbol in facts.symbols]
    told = [
        f"{one.line + 1} {one.name} {names[one.container] if one.container >= 0 else ''}".strip()
        for one in facts.symbols
    ]
    assert told == list(expected)


def check_nearby(text: str, receiver: str, begun: str) -> None:
    """Right before the cursor stand these names, joined by blanks, and this beginning of one."""
    nearby = look_nearby(text.replace(CURSOR, ""), text.index(CURSOR))
    assert (" ".join(nearby.receiver), nearby.begun) == (receiver, begun)


def check_type(text: str, variable: str, expected: str | None, path: str = "a.py") -> None:
    """The variable at the end of `text` is of this type, or of what this function returns."""
    assert type_of(variable, text, len(text), language(path)) == expected


def check_outline(text: str, *expected: str) -> None:
    """The headers around the cursor, outermost first, then the imports, each as it stands in the text."""
    document, offset = text.replace(CURSOR, ""), text.index(CURSOR)
    outline = outline_around(extract("a.py", "python", document.encode()), document, offset)
    headers = [document[scope.start : scope.header_end] for scope in outline.scopes]
    assert [*headers, *(document[span.start : span.end] for span in outline.imports)] == list(expected)


def check_in_range(facts: FileFacts, text: str) -> None:
    """Every symbol stands word for word on its lines, in a container that comes before it."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    assert facts.n_lines == len(lines)
    for number, symbol in enumerate(facts.symbols):
        assert -1 <= symbol.container < number
        assert 0 <= symbol.line < len(lines)
        assert symbol.line <= symbol.end_line < len(lines)
        if symbol.signature:
            signature = [line.removesuffix("\r") for line in symbol.signature.split("\n")]
            assert lines[symbol.line : symbol.line + len(signature)] == signature
    assert all(0 <= edge.symbol < len(facts.symbols) for edge in facts.edges)


def seen(folder: Path, text: str) -> tuple[View, str, int]:
    """The workspace as the file with the cursor sees it, that file's text and the cursor's offset.

    `@name/` before a path puts the file into a further root of that name.
    """
    texts = files(text)
    (path,) = (path for path, written in texts.items() if CURSOR in written)
    offset = texts[path].index(CURSOR)
    texts[path] = texts[path].replace(CURSOR, "")
    graph = Graph(list(indexed(folder, texts)))
    return graph.seen_from(extract(path, language(path), texts[path].encode()), texts[path]), texts[path], offset


def indexed(folder: Path, texts: dict[str, str]) -> Iterator[Root]:
    """The workspace, then the further roots, each written to disk and indexed."""
    names = dict.fromkeys(["", *(path.split("/")[0][1:] for path in texts if path.startswith("@"))])
    for name in names:
        place = folder / (name or "workspace")
        place.mkdir(parents=True)
        for path, text in texts.items():
            if path.startswith(f"@{name}/") if name else not path.startswith("@"):
                file = place / path.removeprefix(f"@{name}/")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(text.encode())
        store = folder / f"{name}.sqlite3"
        Indexer(place, store, n_processes=1).update()
        yield Root(place, store, name=name)


def told(definition: Definition) -> str:
    return f"{definition.file.root.shown(definition.file.path)}:{definition.symbol.line + 1}"


def language(path: str) -> str:
    return id_for_path(path) or "plaintext"


NAMESAKES = {
    "python": (
        """\
-- legacy/models.py --
class Order:
    pass
-- shop/checkout.py --
from .models import Order

def pay(order: <|>Order): ...
-- shop/models.py --
class Order(Base):
    pass
""",
        "shop/models.py:1",
    ),
    "typescript": (
        """\
-- legacy/order.ts --
export class Order {}
-- shop/checkout.ts --
import { Order } from "./order";
const paid = new <|>Order();
-- shop/order.ts --
export class Order extends Base {}
""",
        "shop/order.ts:1",
    ),
    "go": (
        """\
-- go.mod --
module acme.com/shop
-- cart/cart.go --
package cart

func Total(cents []int) int { return 0 }
-- legacy/cart.go --
package legacy

func Total() int { return 0 }
-- main.go --
package main

import "acme.com/shop/cart"

func main() { cart.<|>Total(nil) }
""",
        "cart/cart.go:3",
    ),
    "rust": (
        """\
-- Cargo.toml --
[package]
name = "shop"
-- src/legacy.rs --
pub struct Order;
-- src/main.rs --
mod models;
use crate::models::Order;
fn pay(order: <|>Order) {}
-- src/models.rs --
pub struct Order { pub cents: u64 }
""",
        "src/models.rs:1",
    ),
    "java": (
        """\
-- src/com/acme/cart/Cart.java --
package com.acme.cart;
public class Cart extends Basket {}
-- src/com/acme/legacy/Cart.java --
package com.acme.legacy;
public class Cart {}
-- src/com/acme/web/App.java --
package com.acme.web;
import com.acme.cart.Cart;
class App { <|>Cart cart; }
""",
        "src/com/acme/cart/Cart.java:2",
    ),
    "c": (
        """\
-- cart.h --
int total(int cents);
-- legacy/cart.h --
int total(void);
-- main.c --
#include "cart.h"
int main(void) { return <|>total(1); }
""",
        "cart.h:1",
    ),
    "cpp": (
        """\
-- cart.hpp --
class Cart : public Basket {};
-- legacy/cart.hpp --
class Cart {};
-- main.cpp --
#include "cart.hpp"
<|>Cart cart;
""",
        "cart.hpp:1",
    ),
    "csharp": (
        """\
-- Acme/Cart/Cart.cs --
namespace Acme.Cart;
public class Basket : Order {}
-- Acme/Legacy/Basket.cs --
namespace Acme.Legacy;
public class Basket {}
-- Acme/Web/App.cs --
using Acme.Cart;
class App { <|>Basket basket; }
""",
        "Acme/Cart/Cart.cs:2",
    ),
    "php": (
        """\
-- app/Legacy/Order.php --
<?php
namespace App\\Legacy;
class Order {}
-- app/Models/Order.php --
<?php
namespace App\\Models;
class Order extends Model {}
-- app/Pay.php --
<?php
use App\\Models\\Order;
function pay(<|>Order $order) {}
""",
        "app/Models/Order.php:3",
    ),
    "ruby": (
        """\
-- legacy/order.rb --
class Order
end
-- shop/order.rb --
class Order < Base
end
-- shop/pay.rb --
require_relative "order"
<|>Order.new
""",
        "shop/order.rb:1",
    ),
    "kotlin": (
        """\
-- com/acme/cart/Cart.kt --
package com.acme.cart
class Cart(val cents: Int)
-- com/acme/legacy/Cart.kt --
package com.acme.legacy
class Cart
-- com/acme/web/App.kt --
package com.acme.web
import com.acme.cart.Cart
fun pay(cart: <|>Cart) {}
""",
        "com/acme/cart/Cart.kt:2",
    ),
}


@pytest.mark.parametrize(("text", "expected"), NAMESAKES.values(), ids=NAMESAKES)
def test_an_imported_name_is_not_its_namesake(tmp_path: Path, text: str, expected: str) -> None:
    check_definition(tmp_path, text, expected)


def test_a_name_under_an_alias(tmp_path: Path) -> None:
    text = """\
-- a.py --
class Order: ...
-- b.py --
class Other: ...
-- c.py --
from a import Order as Other

<|>Other()
"""
    check_definition(tmp_path, text, "a.py:1")


def test_what_a_file_defines_itself_comes_before_what_others_do(tmp_path: Path) -> None:
    check_definition(tmp_path, "-- a.py --\ndef total(): ...\n-- b.py --\ndef total(x): ...\n<|>total\n", "b.py:1")


def test_a_name_that_nothing_brings_here_is_looked_for_everywhere(tmp_path: Path) -> None:
    check_definition(tmp_path, "-- a.py --\ndef total(): ...\n-- b.py --\n<|>total()\n", "a.py:1")


def test_a_name_with_many_definitions_means_none_of_them(tmp_path: Path) -> None:
    many = "".join(f"-- a{n}.py --\ndef run(): ...\n" for n in range(12))
    check_definition(tmp_path, f"{many}-- b.py --\n<|>run()\n")


def test_other_languages_do_not_share_names(tmp_path: Path) -> None:
    text = "-- a.go --\npackage a\nfunc total() {}\n-- a.ts --\nfunction total() {}\n-- b.js --\n<|>total()\n"
    check_definition(tmp_path, text, "a.ts:1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            """\
-- pkg/__init__.py --
from .models import Order
-- pkg/models.py --
class Order(Base): ...
-- legacy.py --
class Order: ...
-- main.py --
from pkg import Order
<|>Order()
""",
            "pkg/models.py:1",
        ),
        (
            """\
-- pkg/__init__.py --
from .all import *
-- pkg/all.py --
from pkg.models import Order as Purchase
-- pkg/models.py --
class Order(Base): ...
-- legacy.py --
class Purchase: ...
-- main.py --
from pkg import Purchase
<|>Purchase()
""",
            "pkg/models.py:1",
        ),
        (
            """\
-- shop/index.ts --
export * from "./order";
-- shop/order.ts --
export interface Order { cents: number }
-- legacy.ts --
export interface Order {}
-- main.ts --
import { Order } from "./shop";
let order: <|>Order;
""",
            "shop/order.ts:1",
        ),
        (
            """\
-- shop/index.ts --
export { Order as Purchase } from "./order";
-- shop/order.ts --
export interface Order { cents: number }
-- legacy.ts --
export interface Purchase {}
-- main.ts --
import { Purchase } from "./shop";
let order: <|>Purchase;
""",
            "shop/order.ts:1",
        ),
        (
            """\
-- Cargo.toml --
[package]
name = "shop"
-- src/lib.rs --
pub mod models;
pub use models::Order;
-- src/models.rs --
pub struct Order { pub cents: u64 }
-- src/legacy.rs --
pub struct Order;
-- src/pay.rs --
use crate::Order;
fn pay(order: <|>Order) {}
""",
            "src/models.rs:1",
        ),
        (
            """\
-- all.h --
#include "order.h"
-- order.h --
struct order { int cents; };
-- legacy.h --
struct order { int n; };
-- main.c --
#include "all.h"
struct <|>order o;
""",
            "order.h:1",
        ),
    ],
    ids=["python", "python through two", "typescript", "typescript renamed", "rust", "c"],
)
def test_a_name_that_is_passed_on(tmp_path: Path, text: str, expected: str) -> None:
    check_definition(tmp_path, text, expected)


def test_files_that_pass_a_name_around_in_a_circle_end(tmp_path: Path) -> None:
    text = "-- a.py --\nfrom b import *\n-- b.py --\nfrom a import *\n-- c.py --\nfrom a import gone\n<|>gone()\n"
    check_definition(tmp_path, text)


def test_the_workspace_comes_before_further_roots(tmp_path: Path) -> None:
    text = "-- @lib/a.py --\ndef total(): ...\n-- z.py --\ndef total(x): ...\n-- b.py --\n<|>total()\n"
    check_definition(tmp_path, text, "z.py:1", "lib/a.py:1")


def test_an_import_of_a_further_root(tmp_path: Path) -> None:
    text = """\
-- @lib/money/rates.py --
def rate(day): ...
-- legacy.py --
def rate(): ...
-- b.py --
from money.rates import rate
<|>rate()
"""
    check_definition(tmp_path, text, "lib/money/rates.py:1")


def test_a_file_of_a_further_root_may_have_this_ones_path(tmp_path: Path) -> None:
    check_definition(tmp_path, "-- @lib/main.py --\ndef total(): ...\n-- main.py --\n<|>total()\n", "lib/main.py:1")


@pytest.mark.parametrize(
    ("path", "line"), [("a.go", "func total() {}"), ("A.java", "class total {}"), ("a.py", "def total(): ...")]
)
def test_what_is_stored_of_the_file_itself_means_nothing(tmp_path: Path, path: str, line: str) -> None:
    """It was deleted in the editor."""
    (root,) = indexed(tmp_path, {path: f"{line}\n"})
    view = Graph([root]).seen_from(extract(path, language(path), b""))
    assert view.definitions("total") == []
    assert list(view.linked) == []


def test_an_import_that_is_typed_or_deleted_counts_at_once(tmp_path: Path) -> None:
    (root,) = indexed(tmp_path, files("-- a.py --\ndef total(): ...\n-- b.py --\ndef total(x): ...\n"))
    graph = Graph([root])
    for module in ("a", "b", "a"):
        view = graph.seen_from(extract("c.py", "python", f"from {module} import total\n".encode()))
        assert [told(one) for one in view.definitions("total")] == [f"{module}.py:1"]
        assert [file.path for file in view.linked] == [f"{module}.py"]
    view = graph.seen_from(extract("c.py", "python", b""))
    assert [told(one) for one in view.definitions("total")] == ["a.py:1", "b.py:1"]


def test_of_a_large_package_the_files_that_are_named(tmp_path: Path) -> None:
    many = {f"file{n}x.go": f"package shop\nfunc f{n}() {{}}\n" for n in range(30)}
    (root,) = indexed(tmp_path, many)
    graph = Graph([root])
    facts = extract("main.go", "go", b"package shop\n")
    assert [file.path for file in graph.seen_from(facts, "file3x and file12x").linked] == ["file12x.go", "file3x.go"]
    assert [file.path for file in graph.seen_from(facts, "file7x").linked] == ["file7x.go"]


PYTHON_TYPES = """\
-- models.py --
class Base:
    def save(self): ...

class Order(Base):
    total: int
    def pay(self): ...
    def customer(self) -> Customer: ...

class Customer:
    def greet(self): ...

def find(id) -> Order: ...
-- legacy.py --
class Order:
    def refund(self): ...
-- main.py --
from models import Order, find

"""
ORDER = ("models.py total", "models.py pay", "models.py customer", "models.py save")


@pytest.mark.parametrize(
    "here",
    [
        "def f(order: Order):\n    order.<|>",
        "def f(order: Order | None, other):\n    if order.<|>",
        "order: Optional[Order] = None\norder.<|>",
        "order = Order(1)\norder.to<|>",
        "order = find(3)\norder.<|>",
        "async def f():\n    order = await find(3)\n    order.<|>",
        "order = models.Order(1)\norder.<|>",
        "Order.<|>",
    ],
)
def test_members_by_declared_and_assigned_type(tmp_path: Path, here: str) -> None:
    check_members(tmp_path, f"{PYTHON_TYPES}{here}\n", *ORDER)


def test_the_nearest_assignment_counts(tmp_path: Path) -> None:
    here = "order = find(3)\norder = Customer()\norder.<|>\n"
    check_members(tmp_path, f"{PYTHON_TYPES}from models import Customer\n{here}", "models.py greet")


def test_members_of_what_a_member_returns(tmp_path: Path) -> None:
    check_members(tmp_path, f"{PYTHON_TYPES}order = find(3)\norder.customer().<|>\n", "models.py greet")


def test_members_of_a_variable_of_unknown_type(tmp_path: Path) -> None:
    check_members(tmp_path, f"{PYTHON_TYPES}order = something\norder.<|>\n")


def test_members_of_self_with_its_bases(tmp_path: Path) -> None:
    here = "class Cart(Order):\n    def empty(self):\n        self.<|>\n"
    check_members(tmp_path, f"{PYTHON_TYPES}{here}", "main.py empty", *ORDER)


def test_members_of_an_imported_module(tmp_path: Path) -> None:
    text = "-- rates.py --\nLIMIT = 1\ndef rate(): ...\n-- main.py --\nimport rates\nrates.<|>\n"
    check_members(tmp_path, text, "rates.py LIMIT", "rates.py rate")


def test_a_class_that_inherits_from_itself_ends(tmp_path: Path) -> None:
    text = (
        "-- a.py --\nfrom b import B\nclass A(B):\n    def one(self): ...\n-- b.py --\nfrom a import A\nclass B(A):\n"
    )
    text += "    def two(self): ...\n-- c.py --\nfrom a import A\na = A()\na.<|>\n"
    view, _, _ = seen(tmp_path, text)
    (owner,) = view.definitions("A")
    assert {one.symbol.name for one in view.members(owner)} == {"one", "two"}


MEMBERS = {
    "typescript": (
        """\
-- order.ts --
export class Base { save(): void {} }
export class Order extends Base { pay(): void {} }
-- legacy.ts --
export class Order { refund(): void {} }
-- main.ts --
import { Order } from "./order";
function f(order: Order) { order.<|> }
""",
        ("order.ts pay", "order.ts save"),
    ),
    "javascript": (
        """\
-- order.js --
export class Order { pay() {} }
-- main.js --
import { Order } from "./order.js";
const order = new Order();
order?.<|>
""",
        ("order.js pay",),
    ),
    "go": (
        """\
-- order.go --
package shop

type Order struct {
	Cents int
}
-- pay.go --
package shop

func (o *Order) Pay() {}
-- main.go --
package shop

func f(order *Order) { order.<|> }
""",
        ("order.go Cents", "pay.go Pay"),
    ),
    "rust": (
        """\
-- src/order.rs --
pub struct Order { pub cents: u64 }
impl Order {
    pub fn new() -> Order { Order { cents: 0 } }
}
-- src/main.rs --
mod order;
use crate::order::Order;
fn main() {
    let one = Order::new();
    one.<|>
}
""",
        ("src/order.rs cents", "src/order.rs new"),
    ),
    "java": (
        """\
-- acme/Base.java --
package acme;
public class Base { void save() {} }
-- acme/Order.java --
package acme;
public class Order extends Base { void pay() {} }
-- acme/App.java --
package acme;
class App { void run(Order order) { order.<|> } }
""",
        ("acme/Order.java pay", "acme/Base.java save"),
    ),
    "c": (
        """\
-- order.h --
struct order { int cents; int tax; };
-- main.c --
#include "order.h"
int main(void) { struct order *one; return one-><|>; }
""",
        ("order.h cents", "order.h tax"),
    ),
    "cpp": (
        """\
-- order.hpp --
class Base { public: void save(); };
class Order : public Base { public: void pay(); };
-- main.cpp --
#include "order.hpp"
void f(const Order &order) { order.<|> }
""",
        ("order.hpp pay", "order.hpp save"),
    ),
}


@pytest.mark.parametrize(("text", "expected"), MEMBERS.values(), ids=MEMBERS)
def test_members_in_other_languages(tmp_path: Path, text: str, expected: tuple[str, ...]) -> None:
    check_members(tmp_path, text, *expected)


@pytest.mark.parametrize(
    "declared",
    [
        "void run() { Order one; one.<|> }",
        "void run(final Order one) { one.<|> }",
        "void run() { var one = new Order(); one.<|> }",
    ],
)
def test_members_by_declared_type_in_java(tmp_path: Path, declared: str) -> None:
    check_members(
        tmp_path,
        f"-- Order.java --\nclass Order {{ void pay() {{}} }}\n-- App.java --\nclass App {{ {declared} }}\n",
        "Order.java pay",
    )


def test_the_declared_type_of_what_is_assigned_from_a_call(tmp_path: Path) -> None:
    text = """\
-- order.h --
struct order { int cents; };
-- main.c --
#include "order.h"
int main(void) { struct order *one = unknown(); return one-><|>; }
"""
    check_members(tmp_path, text, "order.h cents")


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_names_of_any_script(tmp_path: Path, line_end: str) -> None:
    text = "-- 注文.py --\nclass 注文書:\n    def 支払う(self): ...\n-- main.py --\nfrom 注文 import 注文書\n"
    text += "書 = 注文書()\n書.<|>\n"
    parts = {path: written.replace("\n", line_end) for path, written in files(text).items()}
    text = "".join(f"-- {path} --\n{written}" for path, written in parts.items())
    check_members(tmp_path, text, "注文.py 支払う")


CART = "class Cart:\n    def add(self, item):\n        pass\n\n    def total(self):\n        return 0\n"


def test_what_was_typed_above_moves_what_follows() -> None:
    check_followed(CART, f"import os\n\n{CART}", "3 Cart", "4 add Cart", "7 total Cart")


def test_what_was_deleted_or_changed_is_gone() -> None:
    check_followed(CART, CART.replace("def add(self, item)", "def add(self)"), "1 Cart", "5 total Cart")
    check_followed(CART, CART.replace("class Cart", "class Basket"), "2 add", "5 total")
    check_followed(CART, "")


def test_line_ends_may_change() -> None:
    check_followed(CART, CART.replace("\n", "\r\n"), "1 Cart", "2 add Cart", "5 total Cart")
    wrapped = "def total(\r\n    cart,\r\n): ...\r\n"
    check_followed(wrapped, wrapped.replace("\r\n", "\n"), "1 total")
    check_followed(wrapped, wrapped, "1 total")


def test_of_two_alike_the_nearer_one_is_meant() -> None:
    both = "class A:\n    def run(self): ...\n\nclass B:\n    def run(self): ...\n"
    check_followed(both, f"import os\n{both}", "2 A", "3 run A", "5 B", "6 run B")
    check_followed(both, both.removeprefix("class A:\n    def run(self): ...\n"), "2 B", "3 run B")


def test_bases_follow() -> None:
    facts = extract("a.py", "python", b"class A(Base): ...\nclass B(Other): ...\n")
    followed = follow(facts, "class B(Other): ...\n")
    assert [(edge.kind, edge.symbol, edge.name) for edge in followed.edges] == [("inherits", 0, "Other")]


_LINES = st.sampled_from(
    [
        "class Cart(Base):",
        "    def add(self, item):",
        "    def total(",
        "        self,",
        "    ) -> int:",
        "        pass",
        "import os",
        "from a import (",
        "    b,",
        ")",
        "def 合計(品):",
        "",
        "@cached",
        "x = 1",
        "\r",
        "\ud800",
        "\x00",
        "}{",
    ]
)
_TEXTS = st.lists(_LINES, max_size=14).flatmap(
    lambda lines: st.sampled_from(["\n", "\r\n"]).map(lambda line_end: line_end.join(lines))
)


@settings(deadline=None)
@given(_TEXTS, _TEXTS, st.integers(0, 400))
def test_facts_of_any_text_hold_for_any_other(before: str, after: str, offset: int) -> None:
    facts = follow(extract("a.py", "python", before.encode("utf-8", "surrogatepass")), after)
    check_in_range(facts, after)
    outline = outline_around(facts, after, min(offset, len(after)))
    for start, end in [*outline.imports, *((scope.start, scope.end) for scope in outline.scopes)]:
        assert 0 <= start <= end <= len(after) + 1


@settings(deadline=None)
@given(_TEXTS, st.integers(0, 400), st.integers(0, 60), st.text(alphabet="a(:\n\r 合", max_size=8))
def test_facts_of_any_text_hold_after_any_edit(before: str, at: int, length: int, new: str) -> None:
    after = before[:at] + new + before[at + length :]
    check_in_range(follow(extract("a.py", "python", before.encode("utf-8", "surrogatepass")), after), after)


def test_the_outline_is_of_the_scopes_around_the_cursor_and_the_imports() -> None:
    text = f"import os\nfrom a import (\n    b,\n)\n\n{CART}<|>"
    imports = ("import os", "from a import (\n    b,\n)")
    inside = text.replace("<|>", "").replace("return 0", "return <|>0")
    check_outline(inside, "class Cart:", "    def total(self):", *imports)
    check_outline(text.replace("<|>", "").replace("import os", "import <|>os"), *imports)


@pytest.mark.parametrize(
    ("text", "receiver", "begun"),
    [
        ("total<|>", "", "total"),
        ("self.store.fi<|>nd", "self store", "fi"),
        ("a = find(1, 2).<|>", "find", ""),
        ("orders[0].total<|>", "orders", "total"),
        ("std::fs::rea<|>", "std fs", "rea"),
        ("one->next-><|>", "one next", ""),
        ("order?.custo<|>", "order", "custo"),
        ("f(1, <|>)", "", ""),
        ("注文.支<|>", "注文", "支"),
        ("@value.si<|>", "@value", "si"),
        ("one.\n<|>", "", ""),
        ("<|>", "", ""),
    ],
)
def test_what_stands_before_the_cursor(text: str, receiver: str, begun: str) -> None:
    check_nearby(text, receiver, begun)


def test_words_are_closer_the_fewer_lines_lie_between() -> None:
    text = "far_away\n" + "\n" * 9 + "above\nnear + half\nbelow\n" + "\n" * 30 + "too_far\n"
    words = look_nearby(text, text.index("half") + 4).words
    assert words["near"] == 1.0
    assert words["near"] > words["above"] > words["below"] > words["far_away"] > 0
    assert words.keys().isdisjoint(("half", "too_far"))


@pytest.mark.parametrize(
    ("text", "expected", "path"),
    [
        ("def f(one: Order):", "Order", "a.py"),
        ("one: list[models.Order] = []", "Order", "a.py"),
        ("one = Order.of(1)", "Order", "a.py"),
        ("one = shop.find(1)", "find", "a.py"),
        ("one = Order()\none = 3", "Order", "a.py"),
        ("someone = Order()", None, "a.py"),
        ("self.one = Order()", None, "a.py"),
        ("one", None, "a.py"),
        ("one, err := NewOrder(1)", "NewOrder", "a.go"),
        ("func f(one *shop.Order) {", "Order", "a.go"),
        ("var one []Order\n", "Order", "a.go"),
        ("let mut one: Arc<Order> = x;", "Order", "a.rs"),
        ("let one = Order::new();", "Order", "a.rs"),
        ("const one: Order = x", "Order", "a.ts"),
        ("const one = new Order<X>(1)", "Order", "a.ts"),
        ("function f(one?: Order) {", "Order", "a.ts"),
        ("private final List<Order> one;", "List", "A.java"),
        ("for (Order one : orders) {", "Order", "A.java"),
        ("return one;", None, "A.java"),
        ("const Order &one", "Order", "a.cpp"),
        ("struct order *one;", "order", "a.c"),
        ("fun f(one: Order) {", "Order", "a.kt"),
    ],
)
def test_the_type_of_a_variable(text: str, expected: str | None, path: str) -> None:
    check_type(text, "one", expected, path)


@settings(deadline=None)
@given(
    st.text(alphabet="ab.(:=\n\r[] 合*<", max_size=60), st.integers(0, 60), st.sampled_from(["a.py", "a.go", "A.java"])
)
def test_any_text_around_a_cursor(text: str, at: int, path: str) -> None:
    offset = min(at, len(text))
    nearby = look_nearby(text, offset)
    assert text[:offset].endswith(nearby.begun)
    assert all(0 < closeness <= 1 and word in text for word, closeness in nearby.words.items())
    for name in nearby.receiver:
        found = type_of(name, text, offset, language(path))
        assert found is None or found in text
