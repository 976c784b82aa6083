"""What is kept of a workspace, and what is found in it: the store, its reader and the search by words."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context import sqlite_file
from context.codegraph import store_file
from context.codegraph.facts import Chunk, Edge, EdgeKind, FileFacts, Import, Symbol, SymbolKind
from context.codegraph.lexical import Search, words_of
from context.codegraph.reader import Overlay, Reader
from context.codegraph.store import Change, Indexed, Stamp, Store, pack
from context.codegraph.store_file import StoreError, discard, guarded, store_path

CART = "class Cart:\n    def addItem(self, item):\n        self.items.append(item)\n"
CART_FACTS = FileFacts(
    "shop/cart.py",
    "python",
    3,
    (
        Symbol("Cart", "class", -1, 0, 3, "class Cart:"),
        Symbol("addItem", "method", 0, 1, 3, "    def addItem(self, item)"),
    ),
    (Import("shop.models", "Item", "", 0),),
    (Edge("calls", 1, "append", "self.items", 2),),
    (Chunk(0, 3),),
)


class Workspace:
    """A folder, its store, and what is asked of both."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.root.mkdir(exist_ok=True)
        self.path = folder / "store.sqlite3"
        self.reader = Reader(self.root, self.path)

    def put(self, facts: FileFacts, text: str, *, refused: str = "") -> Stamp:
        """Writes the file, and into the store what is said of it."""
        file = self.root / facts.path
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(text, encoding="utf-8")
        state = file.stat()
        stamp = Stamp(state.st_size, state.st_mtime_ns, b"digest", refused)
        lines = text.split("\n")
        words = tuple(pack(words_of("\n".join(lines[slice(*chunk)]))) for chunk in facts.chunks)
        with Store(self.path) as store:
            store.write([Change(facts.path, Indexed(facts, stamp, words))])
        return stamp

    def forget(self, path: str) -> None:
        with Store(self.path) as store:
            store.write([Change(path, None)])


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def check_found(reader: Reader, facts: FileFacts) -> None:
    """All that a file's facts say is found by every way there is to ask for it."""
    path = facts.path
    assert path in reader.paths()
    assert reader.language(path) == facts.language
    assert reader.symbols_of(path) == list(facts.symbols)
    assert reader.imports_of(path) == list(facts.imports)
    assert reader.edges_of(path) == list(facts.edges)
    for number, symbol in enumerate(facts.symbols):
        assert (path, number, symbol) in reader.symbols_named(symbol.name)
        if symbol.container >= 0:
            assert (path, number, symbol) in reader.members(path, symbol.container)
        assert reader.edges_of(path, number) == [edge for edge in facts.edges if edge.symbol == number]


def check_gone(workspace: Workspace, path: str) -> None:
    """Nothing of a file is left, in any table."""
    reader = workspace.reader
    assert path not in reader.paths()
    assert reader.language(path) is None
    known = f"SELECT id FROM files WHERE path != '{path}'"
    for table in ("symbols", "imports", "edges", "chunks"):
        assert reader.rows(f"SELECT count(*) FROM {table} WHERE file NOT IN ({known})") == [(0,)]
    chunks = {chunk for (chunk,) in reader.rows("SELECT id FROM chunks")}
    with Store(workspace.path) as store:
        store.settle()
    for word in ("cart", "additem", "item"):
        assert {found for (found,) in reader.rows("SELECT rowid FROM lexicon WHERE lexicon MATCH ?", word)} <= chunks


def check_search(workspace: Workspace, texts: dict[str, str], terms: Sequence[str], expected: Sequence[str]) -> None:
    """`texts`, a chunk each, are found by `terms` in the order `expected`."""
    for path, text in texts.items():
        n_lines = text.count("\n") + 1
        workspace.put(FileFacts(path, "python", n_lines, chunks=(Chunk(0, n_lines),)), text)
    with Store(workspace.path) as store:
        store.settle()
    assert [found.path for found in Search(workspace.reader).find(terms)] == list(expected)


def check_unusable(path: Path, kind: str) -> None:
    """Writing fails in one known way, and reading finds nothing and says why."""
    with pytest.raises(StoreError) as raised:
        Store(path)
    assert raised.value.kind == kind
    reader = Reader(path.parent, path)
    assert reader.paths() == []
    assert Search(reader).find(["cart"]) == []
    assert reader.failure == kind


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
line = st.integers(0, 1_000_000)
symbols = st.builds(
    Symbol, text, st.sampled_from(get_args(SymbolKind)), st.integers(-1, 3), line, line, text, text, text, st.booleans()
)
facts = st.builds(
    FileFacts,
    st.just("a/b.py"),
    st.just("python"),
    line,
    st.lists(symbols, max_size=4).map(tuple),
    st.lists(st.builds(Import, text, text, text, line), max_size=3, unique_by=lambda one: one.line).map(tuple),
    st.lists(
        st.builds(Edge, st.sampled_from(get_args(EdgeKind)), st.integers(-1, 3), text, text, line),
        max_size=4,
        unique_by=lambda one: one.line,
    ).map(tuple),
    st.lists(st.builds(Chunk, line, line), max_size=3, unique_by=lambda one: one.line).map(tuple),
)


@given(facts, facts)
@settings(max_examples=40, deadline=None)
def test_what_was_stored_is_found_and_what_was_replaced_is_not(
    tmp_path_factory: pytest.TempPathFactory, before: FileFacts, after: FileFacts
) -> None:
    workspace = Workspace(tmp_path_factory.mktemp("store"))
    workspace.put(before, "")
    check_found(workspace.reader, before)
    workspace.put(after, "")
    check_found(workspace.reader, after)
    assert [file.path for file in workspace.reader.symbols_named("x")] == ["a/b.py"] * sum(
        symbol.name == "x" for symbol in after.symbols
    )
    workspace.forget("a/b.py")
    check_gone(workspace, "a/b.py")


def test_a_file_that_is_forgotten_leaves_no_words(workspace: Workspace) -> None:
    workspace.put(CART_FACTS, CART)
    workspace.put(CART_FACTS._replace(path="other.py"), CART)
    assert [found.path for found in Search(workspace.reader).find(["addItem"])] == ["other.py", "shop/cart.py"]
    workspace.forget("shop/cart.py")
    check_gone(workspace, "shop/cart.py")
    assert [found.path for found in Search(workspace.reader).find(["addItem"])] == ["other.py"]


def test_a_name_with_very_many_definitions_is_cut_short(workspace: Workspace) -> None:
    many = tuple(Symbol("get", "method", -1, n, n + 1, "def get(self)") for n in range(300))
    workspace.put(FileFacts("many.py", "python", 300, many), "")
    assert len(workspace.reader.symbols_named("get", limit=50)) == 50


# Unsaved buffers.


def test_an_open_buffer_stands_in_place_of_its_file(workspace: Workspace) -> None:
    workspace.put(CART_FACTS, CART)
    basket = CART.replace("Cart", "Basket")
    buffer = CART_FACTS._replace(symbols=(CART_FACTS.symbols[0]._replace(name="Basket"),), imports=(), edges=())
    workspace.reader.overlay.put(buffer, basket)
    check_found(workspace.reader, buffer)
    assert workspace.reader.symbols_named("Cart") == []
    search = Search(workspace.reader)
    assert [found.path for found in search.find(["Basket"])] == ["shop/cart.py"]
    assert search.find(["Cart"]) == []
    assert workspace.reader.text("shop/cart.py", 0, 1) == "class Basket:\n"
    workspace.reader.overlay.drop("shop/cart.py")
    check_found(workspace.reader, CART_FACTS)


def test_stored_chunks_of_open_buffers_take_nobodys_place(workspace: Workspace) -> None:
    """The words around the cursor are most of all in the document itself."""
    text = "compute_total(order)\n" * 200
    workspace.put(FileFacts("open.py", "python", 200, chunks=tuple(Chunk(n, n + 1) for n in range(200))), text)
    workspace.put(FileFacts("other.py", "python", 1, chunks=(Chunk(0, 1),)), "total(order)")
    workspace.reader.overlay.put(FileFacts("open.py", "python", 0))
    assert [found.path for found in Search(workspace.reader).find(["compute_total", "order"])] == ["other.py"]


def test_the_file_at_the_cursor_can_be_left_out(workspace: Workspace) -> None:
    workspace.put(CART_FACTS, CART)
    workspace.put(CART_FACTS._replace(path="other.py"), CART)
    search = Search(workspace.reader)
    assert [found.path for found in search.find(["Cart"], without=["shop/cart.py"])] == ["other.py"]
    workspace.reader.overlay.put(CART_FACTS, CART)
    assert [found.path for found in search.find(["Cart"], without=["shop/cart.py"])] == ["other.py"]


def test_a_buffer_is_found_before_there_is_a_store(tmp_path: Path) -> None:
    overlay = Overlay()
    overlay.put(CART_FACTS, CART)
    check_found(Reader(tmp_path, tmp_path / "none.sqlite3", overlay), CART_FACTS)


# Search.


def test_identifiers_are_found_whole_and_in_parts() -> None:
    assert words_of("getHTTPResponse_code(x1, snake_case)") == [
        *("gethttpresponse_code", "get", "http", "response", "code"),
        *("snake_case", "snake", "case"),
    ]
    assert words_of("名前 = données") == ["名前", "données"]
    assert words_of("a" * 5_000) == []


def test_what_has_more_of_the_words_comes_first(workspace: Workspace) -> None:
    texts = {
        "none.py": "def unrelated(): return 1",
        "one.py": "def parse_order(): return other",
        "both.py": "def parse_order(): return shipping_label",
    }
    check_search(workspace, texts, ["parse_order", "shipping_label"], ["both.py", "one.py"])


def test_rare_words_decide_over_common_ones(workspace: Workspace) -> None:
    n_common = 300
    texts = {f"common{n}.py": "import settings; settings.load()" for n in range(n_common)}
    texts["rare.py"] = "import zymurgy; settings = 1"
    check_search(workspace, texts, ["settings", "load", "zymurgy"], ["rare.py"])


def test_words_that_are_common_everywhere_still_find_something(workspace: Workspace) -> None:
    texts = {f"common{n:03}.py": "import settings" for n in range(300)}
    check_search(workspace, texts, ["settings"], [f"common{n:03}.py" for n in range(20)])


@pytest.mark.parametrize("term", ['" OR "', "word*", "NEAR(a b)", "words: cart", "-cart", "(", "'", "\0", "", " "])
def test_no_term_is_read_as_a_query(workspace: Workspace, term: str) -> None:
    check_search(workspace, {"cart.py": "class Basket: pass"}, [term], [])
    assert workspace.reader.failure is None


# Text.


def test_text_comes_from_disk_while_it_is_what_was_indexed(workspace: Workspace) -> None:
    workspace.put(CART_FACTS, CART)
    assert workspace.reader.text("shop/cart.py", 1, 3) == "".join(CART.splitlines(keepends=True)[1:3])


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.write_text(CART + "# more\n"),
        lambda file: (file.write_text(CART.replace("Cart", "Tarc")), os.utime(file, ns=(1, 1))),
        lambda file: file.unlink(),
        lambda file: (file.unlink(), file.mkdir()),
    ],
    ids=["longer", "as long", "deleted", "a folder"],
)
def test_no_text_of_a_file_that_has_changed(workspace: Workspace, change: Callable[[Path], object]) -> None:
    workspace.put(CART_FACTS, CART)
    change(workspace.root / "shop/cart.py")
    assert workspace.reader.text("shop/cart.py", 0, 3) is None


def test_what_was_refused_is_no_file_of_the_index(workspace: Workspace) -> None:
    workspace.put(FileFacts("key.py", "python", 0), "secret", refused="secret")
    assert workspace.reader.paths() == []
    assert workspace.reader.language("key.py") is None
    assert workspace.reader.text("key.py", 0, 1) is None


# The file.


def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "index" / "store.sqlite3"
    with Store(path) as store:
        store.write([Change("a.py", Indexed(CART_FACTS, Stamp(1, 1, b""), (pack(["a"]),)))])
        files = sorted(path.parent.iterdir())
        assert {file.name.removeprefix("store.sqlite3") for file in files} >= {"", "-wal", "-shm"}
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_one_root_has_one_store_by_whatever_name(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "root")
    assert store_path(tmp_path / "root") == store_path(tmp_path / "link") != store_path(tmp_path)
    assert not store_path(tmp_path / "root").is_relative_to(tmp_path)


def test_a_broken_file_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    path.write_bytes(b"no database" * 1_000)
    check_unusable(path, "corrupt")


def test_another_version_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    Store(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {store_file.SCHEMA_VERSION + 1}")
    check_unusable(path, "corrupt")


def test_a_place_that_is_no_folder_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check_unusable(tmp_path / "file" / "store.sqlite3", "unreadable")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_full_disk_is_told_as_one_also_where_the_system_says_so() -> None:
    with pytest.raises(StoreError, match="disk"), guarded():
        Path("/dev/full").write_bytes(b"x")


def test_a_reader_finds_the_store_that_took_the_place_of_its_own(workspace: Workspace) -> None:
    workspace.put(CART_FACTS, CART)
    assert workspace.reader.paths() == ["shop/cart.py"]
    discard(workspace.path)
    assert workspace.reader.paths() == []
    workspace.put(CART_FACTS._replace(path="new.py"), CART)
    assert workspace.reader.paths() == ["new.py"]


def test_a_writer_that_goes_on_too_long_is_told_and_keeps_no_reader_waiting(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "_BUSY_MS", 20)
    workspace.put(CART_FACTS, CART)
    with closing(sqlite3.connect(workspace.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM symbols")
        check_found(workspace.reader, CART_FACTS)
        with pytest.raises(StoreError, match="busy"):
            workspace.forget("shop/cart.py")
    workspace.forget("shop/cart.py")
    check_gone(workspace, "shop/cart.py")


def test_a_batch_is_stored_whole_or_not_at_all(workspace: Workspace) -> None:
    workspace.put(CART_FACTS, CART)
    stamp = Stamp(1, 1, b"")
    broken = CART_FACTS._replace(path="b.py", symbols=(CART_FACTS.symbols[0]._replace(name=None),))  # type: ignore[arg-type]
    with Store(workspace.path) as store, pytest.raises(StoreError):
        store.write(
            [Change("shop/cart.py", None), Change("b.py", Indexed(broken, stamp, (pack(["a"]),)))],
        )
    check_found(workspace.reader, CART_FACTS)
