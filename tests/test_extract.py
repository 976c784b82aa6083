"""What every language has in common: signatures as they stand, documentation, chunks, and that no bytes do any harm."""

from __future__ import annotations

import random

import pytest
import tree_sitter
from hypothesis import given, settings
from hypothesis import strategies as st

from context.codegraph.extract import extract
from context.codegraph.facts import FileFacts, Symbol
from context.languages import LANGUAGES, find
from tests.marks import files
from tests.test_extract_languages import SAMPLES
from tests.test_schemas import CONTRACTS


def check_signature(path: str, source: str, expected: str) -> None:
    """`expected` is the signature of the last symbol in the file."""
    assert check_facts(path, source).symbols[-1].signature == expected


def check_facts(path: str, source: str | bytes, *, tree: tree_sitter.Tree | None = None) -> FileFacts:
    """The facts of a file, which hold together whatever the file holds."""
    text = source.encode() if isinstance(source, str) else source
    language = LANGUAGE_IDS[path.rpartition(".")[2]]
    facts = extract(path, language, text, tree=tree)
    n_lines = len(text.split(b"\n")) - text.endswith(b"\n") - (not text)
    assert facts.n_lines == n_lines
    for at, symbol in enumerate(facts.symbols):
        assert symbol.name
        assert -1 <= symbol.container < at
        assert 0 <= symbol.line <= symbol.end_line <= n_lines
    assert all(
        -1 <= edge.symbol < len(facts.symbols) and 0 <= edge.line <= n_lines and edge.name for edge in facts.edges
    )
    assert all(0 <= one.line <= n_lines and (one.module or one.name) for one in facts.imports)
    cut = [line for chunk in facts.chunks for line in chunk]
    assert cut == sorted(cut)
    assert all(0 <= chunk.line < chunk.end_line <= n_lines for chunk in facts.chunks)
    assert facts == extract(path, language, text)
    return facts


ENDINGS = [
    *("py", "js", "ts", "tsx", "go", "rs", "java", "c", "h", "cpp", "cs", "rb", "php", "kt", "scala"),
    *("yaml", "json", "sql", "proto", "graphql"),
]
LANGUAGE_IDS = {
    **{ending.lstrip("."): language.name for language in LANGUAGES for ending in language.files if ending[0] == "."},
    "proto": "proto",
    "graphql": "graphql",
}


SIGNATURES = r"""
-- a.py --
├@app.get(
    '/orders',
)
@cached
async def orders(
    user: User,  # who asks
    *,
    limit: int = 10,
) -> list[Order]:  # newest first┤
    # Not this.
    return []
-- b.py --
├class A(B): pass┤
-- c.py --
├LIMITS = {┤
    'orders': 3,
}
-- d.py --
class A:
    def f(self):
├        self.total: int = 3; self.net = 2┤
-- a.ts --
├export type Method =
  | 'GET'
  | 'POST';┤
-- b.ts --
interface A {
├  run(
    a: B,
  ): C;┤
}
-- a.js --
├const run = async (
  a,
) => {┤
  b();
};
-- a.go --
├func (c *Cart) Total(
	rate Rate,
) Money {┤
	return 0
}
-- a.rs --
/// Not this.
├#[a]
#[b(
  c,
)]
pub fn f<T>() -> T
where
    T: A,┤
{
    g()
}
-- a.java --
class A {
├  @B
  @C(1)
  public D<E> f(G g)
      throws H {┤
  }
}
-- a.c --
├static struct a *
f(int b,
  char *c)┤
{
  return 0;
}
-- a.h --
├int f(int a,
      int b);┤
-- a.cs --
class A {
├  [B]
  public C D { get; }┤
}
-- a.kt --
├@A
fun f(
    b: C,
): D =┤
    e(b)
-- a.proto --
message A {
├  map<string, B> c = 1 [
    deprecated = true
  ]┤;
}
-- a.sql --
create table a (
├  b int not null, -- this too┤
  primary key (b)
);
"""


@pytest.mark.parametrize(("path", "marked"), files(SIGNATURES).items())
def test_a_signature_is_whole_lines_as_they_stand(path: str, marked: str) -> None:
    before, rest = marked.split("├")
    expected, after = rest.split("┤")
    check_signature(path, before + expected + after, expected + after.partition("\n")[0])
    check_signature(path, (before + expected + after).replace("\n", "\r\n"), expected + after.partition("\n")[0])


def test_a_name_behind_its_body_shows_both_ends() -> None:
    symbols = check_facts("a.c", "typedef struct {\n  int b;\n  int c;\n} a_t;\n").symbols
    assert symbols[0].signature == "typedef struct {\n} a_t;"


def test_long_rows_and_long_headers_are_cut_around_the_name() -> None:
    row = "x" * 500
    check_signature("a.py", f"def f(a='{row}'): pass\n", f"def f(a='{row}"[:400])
    parameters = "".join(f"    a{n},\n" for n in range(100))
    signature = check_facts("a.py", f"def f(\n{parameters}):\n    pass\n").symbols[0].signature
    assert signature.startswith("def f(\n    a0,")
    assert signature.count("\n") < 30


@pytest.mark.parametrize(
    ("path", "source", "doc"),
    [
        ("a.py", 'def f():\n    """Does it."""\n', "Does it."),
        ("a.py", "def f():\n    r'''\n    Does it.\n\n    More.\n    '''\n", "Does it."),
        ("a.py", "# Not this.\ndef f(): pass\n", ""),
        ("a.ts", "/**\n * Does it.\n *\n * @param a more\n */\nexport function f(a) {}\n", "Does it."),
        ("a.ts", "/** Does it. */\nconst f = 1;\n", "Does it."),
        ("a.go", "// F does it.\n// More.\nfunc F() {}\n", "F does it."),
        ("a.go", "// Not this.\n\nfunc F() {}\n", ""),
        ("a.go", "type A struct {\n\t*b.C\n\td int\n}\n", ""),
        ("a.rs", "/// Does it.\n#[a]\nfn f() {}\n", "Does it."),
        ("a.c", "/* Does it. */\nint f(void);\n", "Does it."),
        ("a.c", "#define A 1\nint f(void);\n", ""),
        ("a.rb", "# Does it.\ndef f; end\n", "Does it."),
        ("a.cs", "/// Does it.\nclass A { }\n", "Does it."),
    ],
)
def test_the_first_line_of_documentation(path: str, source: str, doc: str) -> None:
    assert check_facts(path, source).symbols[-1].doc == doc


@pytest.mark.parametrize(
    ("path", "source", "type_"),
    [
        ("a.py", "a: 'models.Order | None'\n", "Order"),
        ("a.py", "a: Optional[models.Order] = None\n", "Order"),
        ("a.py", "a = models.Order(1)\n", "Order"),
        ("a.py", "a = order(1)\n", ""),
        ("a.py", "class A:\n    def __init__(self, b: Order):\n        self.c = b\n", "Order"),
        ("a.ts", "let a: readonly Order[];\n", ""),
        ("a.ts", "let a: 'open';\n", ""),
        ("a.ts", "async function f(): Promise<models.Order | undefined> {}\n", "Order"),
        ("a.ts", "const a = new Order<Item>(1);\n", "Order"),
        ("a.go", "func F() (order *Order, err error) {}\n", "Order"),
        ("a.go", "var a = errors.New(1)\n", ""),
        ("a.go", "var a = &Order{1}\n", "Order"),
        ("a.rs", "fn f() -> Result<Arc<Order>, Fault> {}\n", "Order"),
        ("a.rs", "static A: &'static mut models::Order = 1;\n", "Order"),
        ("a.cpp", "std::unique_ptr<Order> f();\n", "Order"),
        ("a.cpp", "const models::Order& f();\n", "Order"),
        ("a.java", "class A { Optional<Order> b; }\n", "Order"),
        ("a.php", "<?php class A { public ?Order $b; }\n", "Order"),
        ("a.kt", "val a: Order? = null\n", "Order"),
    ],
)
def test_the_bare_name_of_a_type(path: str, source: str, type_: str) -> None:
    assert check_facts(path, source).symbols[-1].type == type_


def test_what_is_local_is_neither_a_symbol_nor_a_use() -> None:
    facts = check_facts(
        "a.py",
        "def total(items, *, rate=1):\n    net = tax = 0\n    def add(item): return item + outer\n"
        "    with open_it() as file:\n        for one, (two, three) in items:\n            net += add(one) + three\n"
        "    return [each for each in net if (last := each)] or last\n",
    )
    assert [symbol.name for symbol in facts.symbols] == ["total"]
    assert {edge.name for edge in facts.edges} == {"open_it", "outer"}


def test_a_use_is_told_once_per_symbol_where_it_first_stands() -> None:
    facts = check_facts("a.py", "def f():\n    a.run(1)\n    c.run(2)\n    a.run(3)\ndef g():\n    a.run\n")
    told = [(edge.kind, edge.symbol, edge.receiver, edge.name, edge.line) for edge in facts.edges if edge.name == "run"]
    assert told == [("calls", 0, "a", "run", 1), ("calls", 0, "c", "run", 2), ("references", 1, "a", "run", 5)]


def test_common_words_count_where_the_file_defines_or_imports_them() -> None:
    facts = check_facts("a.py", "from b import format\ndef f():\n    format(1); print(2)\n")
    assert [edge.name for edge in facts.edges] == ["format"]


def test_a_header_that_is_cpp_is_read_as_such() -> None:
    facts = check_facts("a.h", "namespace a {\nclass MACRO Cart : public Base {\npublic:\n  int total();\n};\n}\n")
    assert facts.language == "cpp"
    assert [symbol.name for symbol in facts.symbols] == ["a", "Cart", "total"]


def test_chunks_begin_with_definitions() -> None:
    def function(name: str, n_lines: int) -> str:
        return f"# What {name} is.\ndef {name}():\n" + "    x()\n" * (n_lines - 2)

    source = "import a\n\n\n" + "\n\n".join([function("f", 12), function("g", 12), function("h", 100)])
    assert [tuple(chunk) for chunk in check_facts("a.py", source).chunks] == [
        (0, 15), (17, 29), (31, 71), (71, 111), (111, 131),
    ]  # fmt: skip
    data = "\n".join(f"a{n} = {n}" for n in range(30)) + "\n\n" + "\n".join(f"b{n} = {n}" for n in range(30)) + "\n"
    assert [tuple(chunk) for chunk in check_facts("a.py", data).chunks] == [(0, 30), (31, 61)]


def test_an_alias_and_its_language_are_one() -> None:
    assert extract("a.jsx", "javascriptreact", b"const a = 1;\n") == extract("a.jsx", "javascript", b"const a = 1;\n")
    assert extract("a.json", "jsonc", b"{}\n").language == "json"


def test_a_language_without_a_query_has_chunks_alone() -> None:
    facts = check_facts("a.lua", "local a = 1\n")
    assert (facts.symbols, facts.chunks) == ((), ((0, 1),))
    assert extract("a.xyz", "no-such-language", b"text\n").chunks == ((0, 1),)


def test_a_tree_saves_the_parse_and_one_of_other_text_is_not_believed() -> None:
    source = SAMPLES["python"].encode()
    language = find("python")
    assert language is not None
    parser = tree_sitter.Parser(language.grammar())
    check_facts("a.py", source, tree=parser.parse(source))
    check_facts("a.py", source, tree=parser.parse(source + b"def more(): pass\n"))
    javascript = find("javascript")
    assert javascript is not None
    check_facts("a.py", source, tree=tree_sitter.Parser(javascript.grammar()).parse(source))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    "source",
    [
        "",
        "\n",
        "\0\0\n",
        "\ufeffclass A {}\n",
        "class 注文 { def 合計(self): pass }\r\n\r\nfunction 合計() {}\r",
        "(" * 3_000,
        "{" * 3_000 + "}" * 3_000,
        "a = [" * 2_000 + "]" * 2_000,
        "x.y(" * 2_000,
        "/* \" ' ` <<EOF #{ ${ ",
        "def f(\nclass\n}\n) => {",
        "create table a (b, (\n\ntype A {\n message B {\nrpc C(D) returns (E) {",
        "openapi: 3.0.0\npaths: {/a: {get: [}}\n",
        '{"openapi": "3.1.0", "paths": {"/a": {"get": null, "post": []}}, "components": 1}',
    ],
    ids=lambda source: repr(source[:12]),
)
def test_odd_files(ending: str, source: str) -> None:
    check_facts(f"a.{ending}", source)


@pytest.mark.parametrize("ending", ["py", "ts", "c", "rs", "json", "yaml", "sql", "proto", "graphql"])
def test_one_line_of_five_megabytes(ending: str) -> None:
    source = "".join(f"name_{n} = call_{n % 900}(x.y, 'text') ; " for n in range(120_000))
    facts = extract(f"a.{ending}", LANGUAGE_IDS[ending], source.encode())
    assert facts.n_lines == 1


ALL_SAMPLES = [*(sample for sample in SAMPLES.values()), *CONTRACTS]


@given(st.integers(0, 2**32), st.sampled_from(ALL_SAMPLES))
@settings(deadline=None, max_examples=150)
def test_no_mutation_does_harm(seed: int, sample: str) -> None:
    """Pieces of a real file cut out, doubled, and put elsewhere; bytes of any value put in."""
    chance = random.Random(seed)
    path, source = next(iter(files(sample).items()))
    text = bytearray(source.encode())
    for _ in range(chance.randint(1, 8)):
        start, other = (chance.randrange(len(text) + 1) for _ in range(2))
        piece = text[start : start + chance.randint(0, 60)]
        match chance.randrange(4):
            case 0:
                del text[start : start + len(piece)]
            case 1:
                text[other:other] = piece
            case 2:
                text[other:other] = bytes(
                    chance.choices(b"(){}[]<>'\"`#/*\\:;=,.@$\n\r\t \0\xff", k=chance.randint(1, 6))
                )
            case 3:
                text[other:other] = chance.randbytes(chance.randint(1, 8))
    check_facts(path, bytes(text))


@given(st.binary(max_size=300), st.sampled_from(sorted(LANGUAGE_IDS)))
@settings(deadline=None, max_examples=150)
def test_no_bytes_do_harm(source: bytes, ending: str) -> None:
    check_facts(f"a.{ending}", source)


def test_a_symbol_is_small_enough_to_be_moved() -> None:
    """Millions of them go between processes: a plain tuple."""
    assert isinstance(check_facts("a.py", "a = 1\n").symbols[0], tuple)
    assert Symbol._fields[:3] == ("name", "kind", "container")
