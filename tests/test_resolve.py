"""From an import to the file that it means, as each language has it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.codegraph.facts import Import
from context.codegraph.projects import is_build_file, read_projects
from context.codegraph.resolve import Resolver


def check_resolve(files: str, path: str, language: str, written: str, expected: str, **build_files: object) -> None:
    """`written` is "module name" and `expected` "path name", `name` "" where nothing stands; "" for outside.

    Build files are named as "folder__file_ending"; all others are in `files`, separated by blanks.
    """
    texts = {
        name.replace("__", "/").replace("_", "."): text if isinstance(text, str) else json.dumps(text)
        for name, text in build_files.items()
    }
    assert all(is_build_file(name) for name in texts)
    module, _, name = written.partition(" ")
    resolver = Resolver([*files.split(), path], read_projects(texts))
    found = [
        f"{target.path} {target.name}".strip()
        for target in resolver.resolve(path, language, Import(module, name, "", 0))
    ]
    assert found[:1] == ([expected] if expected else [])


PYTHON = "shop/__init__.py shop/models.py shop/cart/__init__.py shop/cart/prices.py tools/shop/models.py"


@pytest.mark.parametrize(
    ("path", "written", "expected"),
    [
        ("shop/orders.py", "shop.models Order", "shop/models.py Order"),
        ("shop/orders.py", "shop.models", "shop/models.py"),
        ("shop/orders.py", "shop models", "shop/models.py"),
        ("shop/orders.py", "shop VERSION", "shop/__init__.py VERSION"),
        ("shop/orders.py", ".models Order", "shop/models.py Order"),
        ("shop/orders.py", ". models", "shop/models.py"),
        ("shop/orders.py", ".cart.prices *", "shop/cart/prices.py *"),
        ("shop/cart/checkout.py", "..models Order", "shop/models.py Order"),
        ("shop/cart/checkout.py", ".prices net", "shop/cart/prices.py net"),
        ("tools/run.py", "shop.models Order", "tools/shop/models.py Order"),
        ("shop/orders.py", "models Order", ""),
        ("shop/orders.py", "os path", ""),
        ("shop/orders.py", "....far X", ""),
    ],
)
def test_python(path: str, written: str, expected: str) -> None:
    check_resolve(PYTHON, path, "python", written, expected)


@pytest.mark.parametrize(
    ("files", "path", "written", "expected"),
    [
        (
            "src/shop/__init__.py src/shop/models.py",
            "tests/test_models.py",
            "shop.models Order",
            "src/shop/models.py Order",
        ),
        ("a/lib/shop/models.py a/lib/shop/__init__.py", "b/x.py", "shop.models Order", "a/lib/shop/models.py Order"),
        ("plugins/shop/extra.py", "main.py", "plugins.shop extra", "plugins/shop/extra.py"),
        ("plugins/shop/extra.py", "main.py", "plugins shop", "plugins/ shop"),
        ("app/logging/__init__.py", "web/x.py", "logging getLogger", ""),
        ("shop/models.py shop/models/__init__.py", "run.py", "shop.models Order", "shop/models/__init__.py Order"),
        ("shop/types.pyi", "run.py", "shop.types Id", "shop/types.pyi Id"),
    ],
)
def test_python_layouts(files: str, path: str, written: str, expected: str) -> None:
    """Source folders, packages without `__init__`, stubs, and a folder that only has the name of Python's own."""
    check_resolve(files, path, "python", written, expected)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("./cart addItem", "src/cart.ts addItem"),
        ("./cart.js addItem", "src/cart.ts addItem"),
        ("./ui Button", "src/ui/index.tsx Button"),
        ("../lib/legacy run", "lib/legacy.js run"),
        ("./styles.css", "src/styles.css"),
        (". run", "src/index.ts run"),
        ("./gone x", ""),
        ("react useState", ""),
    ],
)
@pytest.mark.parametrize("language", ["typescript", "javascript", "typescriptreact"])
def test_relative_javascript(language: str, written: str, expected: str) -> None:
    files = "src/cart.ts src/ui/index.tsx lib/legacy.js src/styles.css src/index.ts cart.ts"
    check_resolve(files, "src/main.ts", language, written, expected)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("@/models/order Order", "app/src/models/order.ts Order"),
        ("~config limit", "app/src/settings/config.ts limit"),
        ("models/order Order", "app/src/models/order.ts Order"),
    ],
)
def test_path_aliases_of_an_extended_tsconfig(written: str, expected: str) -> None:
    check_resolve(
        "app/src/models/order.ts app/src/settings/config.ts",
        "app/src/views/list.ts",
        "typescript",
        written,
        expected,
        app__tsconfig_json='{"extends": "../tsconfig.base", /* ours */ "compilerOptions": {"strict": true,},}',
        tsconfig_base_json={
            "compilerOptions": {"baseUrl": "app/src", "paths": {"@/*": ["*"], "~config": ["settings/config"]}}
        },
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("@acme/core Order", "packages/core/src/index.ts Order"),
        ("@acme/core/money Money", "packages/core/src/money.ts Money"),
        ("@acme/core/deep/tax rate", "packages/core/src/deep/tax.ts rate"),
        ("#log log", "packages/web/src/log.ts log"),
        ("plain run", "packages/plain/main.js run"),
        ("@acme/other x", ""),
    ],
)
def test_packages_of_a_workspace(written: str, expected: str) -> None:
    files = "src/index.ts src/money.ts src/deep/tax.ts".replace("src/", "packages/core/src/")
    check_resolve(
        f"{files} packages/web/src/log.ts packages/plain/main.js",
        "packages/web/src/app.ts",
        "typescript",
        written,
        expected,
        packages__core__package_json={
            "name": "@acme/core",
            "exports": {".": {"import": "./dist/index.mjs"}, "./money": ["./dist/money.js"], "./*": "./src/*.ts"},
        },
        packages__web__package_json={"name": "@acme/web", "imports": {"#log": "./src/log.ts"}},
        packages__plain__package_json={"name": "plain", "main": "main"},
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("acme.com/shop/internal/cart", "internal/cart/"),
        ("acme.com/shop", "/"),
        ("acme.com/shop/tools/gen", "tools/gen/"),
        ("acme.com/money", "shared/money/"),
        ("acme.com/shop/gone", ""),
        ("github.com/else/internal/cart", "internal/cart/"),
        ("net/http", ""),
    ],
)
def test_go(written: str, expected: str) -> None:
    check_resolve(
        "internal/cart/cart.go tools/gen/gen.go shared/money/money.go net/http/mine.go",
        "cmd/shop/main.go",
        "go",
        written,
        expected,
        go_mod="module acme.com/shop\n\ngo 1.24\n\nreplace acme.com/money v1.2.0 => ./shared/money\n",
        tools__go_mod="module acme.com/shop/tools\n",
    )


@pytest.mark.parametrize(
    ("path", "written", "expected"),
    [
        ("core/src/lib.rs", "self::net", "core/src/net/mod.rs"),
        ("core/src/lib.rs", "self::errors", "core/src/errors.rs"),
        ("core/src/net/mod.rs", "self::tcp", "core/src/net/tcp.rs"),
        ("core/src/net/tcp.rs", "super Link", "core/src/net/mod.rs Link"),
        ("core/src/net/tcp.rs", "super::super::errors Fault", "core/src/errors.rs Fault"),
        ("core/src/net/tcp.rs", "crate::errors Fault", "core/src/errors.rs Fault"),
        ("core/src/net/tcp.rs", "crate::errors::Fault Broken", "core/src/errors.rs Broken"),
        ("core/src/net/tcp.rs", "crate errors", "core/src/errors.rs"),
        ("core/src/net/tcp.rs", "crate::errors *", "core/src/errors.rs *"),
        ("core/src/lib.rs", "errors Fault", "core/src/errors.rs Fault"),
        ("cli/src/main.rs", "acme_core Client", "core/src/lib.rs Client"),
        ("cli/src/main.rs", "acme_core::net::tcp Link", "core/src/net/tcp.rs Link"),
        ("cli/src/main.rs", "std::collections HashMap", ""),
    ],
)
def test_rust(path: str, written: str, expected: str) -> None:
    check_resolve(
        "core/src/lib.rs core/src/net/mod.rs core/src/net/tcp.rs core/src/errors.rs cli/src/main.rs",
        path,
        "rust",
        written,
        expected,
        core__Cargo_toml='[package]\nname = "acme-core"\n',
        cli__Cargo_toml='[package]\nname = "acme-cli"\n',
    )


@pytest.mark.parametrize(
    ("path", "language", "written", "expected"),
    [
        ("src/com/acme/web/App.java", "java", "com.acme.cart Cart", "src/com/acme/cart/Cart.java Cart"),
        ("src/com/acme/web/App.java", "java", "com.acme.cart.Cart", "src/com/acme/cart/Cart.java Cart"),
        ("src/com/acme/web/App.java", "java", "com.acme.cart *", "src/com/acme/cart/ *"),
        ("src/com/acme/web/App.java", "java", "com.acme.cart.Cart *", "src/com/acme/cart/Cart.java *"),
        ("src/com/acme/web/App.java", "java", "com.acme.cart.Cart EMPTY", "src/com/acme/cart/Cart.java EMPTY"),
        ("src/com/acme/web/App.java", "java", "java.util List", ""),
        ("app/Main.kt", "kotlin", "com.acme.money euros", "lib/com/acme/money/ euros"),
        ("app/Main.kt", "kotlin", "com.acme.cart Cart", "src/com/acme/cart/Cart.java Cart"),
        ("app/Main.scala", "scala", "com.acme.rates Rate", "lib/com/acme/rates/Rate.scala Rate"),
    ],
)
def test_jvm(path: str, language: str, written: str, expected: str) -> None:
    files = "src/com/acme/cart/Cart.java lib/com/acme/money/Units.kt lib/com/acme/rates/Rate.scala"
    check_resolve(files, path, language, written, expected)


@pytest.mark.parametrize(
    ("path", "written", "expected"),
    [
        ("src/net/tcp.c", '"tcp.h"', "src/net/tcp.h *"),
        ("src/net/tcp.c", "../util.h", "src/util.h *"),
        ("src/net/tcp.c", "<acme/list.h>", "include/acme/list.h *"),
        ("src/net/tcp.c", "acme/list.h", "include/acme/list.h *"),
        ("src/net/tcp.c", "list.h", "include/acme/list.h *"),
        ("src/net/tcp.c", "<stdio.h>", ""),
    ],
)
def test_includes(path: str, written: str, expected: str) -> None:
    check_resolve("src/net/tcp.h src/util.h include/acme/list.h other/tcp.h", path, "c", written, expected)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Acme.Shop.Orders", "Acme.Shop/Orders/ *"),
        ("Acme.Shop", "Acme.Shop/ *"),
        ("Contoso.Billing", "src/Billing/ *"),
        ("System.Collections.Generic", ""),
    ],
)
def test_csharp(written: str, expected: str) -> None:
    check_resolve("Acme.Shop/Orders/Order.cs src/Billing/Invoice.cs", "web/Start.cs", "csharp", written, expected)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("App\\Models Order", "app/Models/Order.php Order"),
        ("App\\Models\\Order", "app/Models/Order.php Order"),
        ("Lib\\Money\\Euro", "packages/money/src/Euro.php Euro"),
        ("Odd\\Models\\Order", "app/Models/Order.php Order"),
        ("./start.php", "app/Http/start.php *"),
        ("Vendor\\Thing", ""),
    ],
)
def test_php(written: str, expected: str) -> None:
    check_resolve(
        "app/Models/Order.php packages/money/src/Euro.php app/Http/start.php",
        "app/Http/Home.php",
        "php",
        written,
        expected,
        composer_json={"autoload": {"psr-4": {"App\\": "app/"}}},
        packages__money__composer_json={"autoload": {"psr-4": {"Lib\\Money\\": ["src"]}}},
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("./tax", "lib/shop/tax.rb *"),
        ("../money", "lib/money.rb *"),
        ("shop/tax", "lib/shop/tax.rb *"),
        ("json", ""),
    ],
)
def test_ruby(written: str, expected: str) -> None:
    check_resolve("lib/shop/tax.rb lib/money.rb", "lib/shop/cart.rb", "ruby", written, expected)


def test_the_nearest_of_several_is_taken() -> None:
    files = "a/include/list.h b/include/list.h"
    check_resolve(files, "a/src/x.c", "c", "list.h", "a/include/list.h *")
    check_resolve(files, "b/src/x.c", "c", "list.h", "b/include/list.h *")


def test_a_language_without_rules_resolves_nothing() -> None:
    check_resolve("a.lua", "b.lua", "lua", "a", "")


_ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("./src/*.ts"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([".", "./*", "#x", "*", "a"]), inner),
    max_leaves=8,
)


@given(
    shapes=st.dictionaries(
        st.sampled_from(["name", "exports", "imports", "main", "extends", "compilerOptions", "paths", "autoload"]),
        _ANY_JSON,
    ),
    module=st.text(alphabet=st.sampled_from('./#@*:\\<>"ab-_'), max_size=12),
    language=st.sampled_from(["python", "typescript", "go", "rust", "java", "c", "csharp", "php", "ruby"]),
)
def test_build_files_and_imports_of_any_shape(shapes: dict[str, object], module: str, language: str) -> None:
    """An opened repository may hold anything: it resolves to nothing outside itself."""
    text = json.dumps(shapes)
    names = ("package.json", "tsconfig.json", "composer.json", "a/package.json", "go.mod", "Cargo.toml")
    projects = read_projects(dict.fromkeys(names, text))
    resolver = Resolver(["a/b.py", "a/b.ts", "src/a.ts", "a/b.rs", "b.h"], projects)
    for target in resolver.resolve("a/c.py", language, Import(module, "b", "", 0)):
        assert target.path in resolver.paths.files or target.path.rstrip("/") in resolver.paths.folders
