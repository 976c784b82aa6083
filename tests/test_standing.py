"""Whether what a text imports is there, for a file that need not exist yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from context.codegraph.standing import Site
from context.proposal import Proposal, Standing

PYTHON = {
    "pyproject.toml": '[project]\nname = "shop"\ndependencies = ["requests>=2", "PyYAML"]\n',
    "shop/__init__.py": "from shop.cart import Cart\n",
    "shop/cart.py": "import attrs\n\n\nclass Cart:\n    pass\n\n\nTAX = 0.19\n",
    "shop/空.py": "def 総計():\n    return 0\n",
    "tests/test_other.py": "import hypothesis\n",
}
NODE = {
    "package.json": '{"name": "shop", "devDependencies": {"vitest": "1", "@faker-js/faker": "1"}}',
    "src/cart.ts": "export class Cart {}\nexport default function total() {}\n",
    "src/index.ts": 'export * from "./cart";\n',
    "src/values.json": "{}",
}


def check_standing(
    folder: Path,
    files: dict[str, str],
    path: str,
    text: str,
    *,
    missing: tuple[str, ...] = (),
    unbound: tuple[str, ...] = (),
    names: tuple[str, ...] = (),
    language: str = "python",
    near: tuple[str, ...] = (),
    buffers: dict[str, str] | None = None,
) -> Standing:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    site = Site(str(folder), buffers)
    found = site.standing(Proposal(path, language, text, names, near, ("pytest",)))
    assert found.missing == missing
    assert found.unbound == unbound
    return found


@pytest.mark.parametrize(
    ("imports", "missing"),
    [
        ("from shop.cart import Cart, TAX", ()),
        ("from shop import Cart", ()),
        ("import shop.cart", ()),
        ("from shop import cart", ()),
        ("from shop.空 import 総計", ()),
        ("from shop.cart import Basket", ("shop.cart Basket",)),
        ("from shop.kart import Cart", ("shop.kart Cart",)),
        ("import shop.kart", ("shop.kart",)),
        ("from .cart import Cart", (".cart Cart",)),
        ("import json, unittest.mock", ()),
        ("import pytest", ()),
        ("import requests, yaml", ()),
        ("import numpy as np", ("numpy",)),
        ("import hypothesis", ()),
        ("import attrs", ()),
    ],
)
def test_python(tmp_path: Path, imports: str, missing: tuple[str, ...]) -> None:
    near = ("tests/test_other.py", "shop/cart.py")
    check_standing(tmp_path, PYTHON, "tests/test_cart.py", f"{imports}\n", missing=missing, near=near)


@pytest.mark.parametrize(
    ("imports", "missing"),
    [
        ('import { Cart } from "./cart";', ()),
        ('import total from "./cart";', ()),
        ('import { Cart } from "./index";', ()),
        ('import { Cart } from "./cart.js";', ()),
        ('import values from "./values.json";', ()),
        ('import { Basket } from "./cart";', ("./cart Basket",)),
        ('import { Cart } from "../cart";', ("../cart Cart",)),
        ('import { test } from "vitest"; import assert from "node:assert"; import fs from "fs";', ()),
        ('import { faker } from "@faker-js/faker";', ()),
        ('import _ from "lodash";', ("lodash default",)),
        ('const { Cart } = require("./cart");', ()),
        ('const { Cart } = require("./kart");', ("./kart Cart",)),
    ],
)
def test_typescript(tmp_path: Path, imports: str, missing: tuple[str, ...]) -> None:
    check_standing(tmp_path, NODE, "src/cart.test.ts", f"{imports}\n", missing=missing, language="typescript")


@pytest.mark.parametrize(
    ("imports", "missing"),
    [
        ('import "testing"', ()),
        ('import "example.com/shop/cart"', ()),
        ('import "example.com/shop/kart"', ("example.com/shop/kart",)),
        ('import "github.com/stretchr/testify/assert"', ("github.com/stretchr/testify/assert",)),
    ],
)
def test_go(tmp_path: Path, imports: str, missing: tuple[str, ...]) -> None:
    files = {"go.mod": "module example.com/shop\n", "cart/cart.go": "package cart\n"}
    text = f"package main\n\n{imports}\n"
    check_standing(tmp_path, files, "main_test.go", text, missing=missing, language="go")


def test_what_the_code_uses_has_to_be_imported(tmp_path: Path) -> None:
    text = "from shop.cart import TAX\n\n\ndef test_it():\n    assert Cart() and TAX\n"
    check_standing(tmp_path, PYTHON, "tests/test_cart.py", text, names=("Cart", "TAX"), unbound=("Cart",))


@pytest.mark.parametrize(
    "text", ["from shop.cart import *\n\nCart()\n", "import shop\n\nshop.Cart()\n", "cart.total()\n"]
)
def test_what_may_be_bound_otherwise_is_not_missed(tmp_path: Path, text: str) -> None:
    check_standing(tmp_path, PYTHON, "tests/test_cart.py", text, names=("Cart", "total"))


def test_what_is_reached_by_way_of_a_package(tmp_path: Path) -> None:
    found = check_standing(tmp_path, PYTHON, "tests/test_cart.py", "from shop import Cart\n")
    assert "shop/cart.py" in found.reached


def test_an_open_buffer_stands_in_place_of_its_file(tmp_path: Path) -> None:
    buffers = {"shop/cart.py": "class Basket:\n    pass\n"}
    text = "from shop.cart import Basket\n"
    check_standing(tmp_path, PYTHON, "tests/test_cart.py", text, buffers=buffers)


def test_files_by_name_and_by_what_they_import(tmp_path: Path) -> None:
    files = {
        **PYTHON,
        "tests/test_cart.py": "from shop import Cart\n",
        "shop/tests/test_cart.py": "from os import path\n",
        ".venv/lib/test_cart.py": "",
    }
    check_standing(tmp_path, files, "x.py", "")
    site = Site(str(tmp_path))
    found = site.matching(r"test_.*\.py", "shop/cart.py", 2)
    assert found == ("shop/tests/test_cart.py", "tests/test_cart.py")
    assert site.leading_to("shop/cart.py", found) == ("tests/test_cart.py",)


def test_where_nothing_can_be_known_nothing_is_said(tmp_path: Path) -> None:
    check_standing(tmp_path, {}, "a.lua", 'local x = require("nowhere")', language="lua")
    check_standing(tmp_path, {}, "tests/test_cart.py", "import nowhere\n")
