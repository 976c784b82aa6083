"""The one table of languages: grammar, file names, comments, quotes, node types that matter; knows no document."""

from __future__ import annotations

import importlib
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import tree_sitter

ScopeKind = Literal["module", "class", "function"]
BlockStyle = Literal["braces", "colon", "ruby", "lua", "bash", "scala", "sql", "html", "yaml", "toml", "prose"]


@dataclass(frozen=True, slots=True)
class Language:
    """One row: everything the rest of the product knows about a language.

    `scopes` maps a query pattern (a node type, possibly with a required field) to the kind of scope it makes;
    `imports` is query text that captures `@import`. `strings` is empty where the grammar has no node that holds
    strings only: then the text decides. `fragment` names the grammar for text out of the middle of a file, where
    that is another function of the same module. `queries` are the files of `context/codegraph/queries` that find its
    symbols, joined; `member_marks` stand before a member besides the dot, `name_chars` in names besides letters.
    """

    name: str
    module: str
    files: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    function: str = "language"
    fragment: str = ""
    blocks: BlockStyle = "braces"
    line_comment: str | None = "//"
    block_comment: tuple[str, str] | None = ("/*", "*/")
    quotes: tuple[str, ...] = ('"', "'")
    scopes: Mapping[str, ScopeKind] = field(default_factory=dict, hash=False)
    imports: str = ""
    comments: tuple[str, ...] = ("comment",)
    strings: tuple[str, ...] = ("string",)
    interpolations: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    member_marks: tuple[str, ...] = ()
    name_chars: str = ""

    def grammar(self, *, fragment: bool = False) -> tree_sitter.Language:
        """The compiled grammar, loaded at first use; for a stretch out of a file's middle if `fragment`."""
        return _load(self.module, (self.fragment if fragment else "") or self.function)


def find(language_id: str) -> Language | None:
    """The language of an LSP languageId, or None for one without a row."""
    return _BY_ID.get(language_id.lower())


def for_path(path: str) -> Language | None:
    """The language of a file by its name: the whole name first, then its longest known ending."""
    name = posixpath.basename(path.replace("\\", "/")).lower()
    parts = name.split(".")
    endings = ["." + ".".join(parts[i:]) for i in range(1, len(parts))]
    return next((_BY_FILE[key] for key in [name, *endings] if key in _BY_FILE), None)


def id_for_path(path: str) -> str | None:
    """The languageId of a file by its name; of a contract too, for which no grammar can be installed."""
    language = for_path(path)
    return language.name if language else _CONTRACTS.get(posixpath.splitext(path)[1].lower())


@cache
def _load(module: str, function: str) -> tree_sitter.Language:
    return tree_sitter.Language(getattr(importlib.import_module(module), function)())


def _scopes(*, function: str = "", classes: str = "", module: str = "") -> dict[str, ScopeKind]:
    """Comma-separated query patterns of each kind, as one mapping."""
    kinds: dict[ScopeKind, str] = {"function": function, "class": classes, "module": module}
    return {pattern.strip(): kind for kind, patterns in kinds.items() for pattern in patterns.split(",") if pattern}


_C_SCOPES = "struct_specifier body: (_), union_specifier body: (_), enum_specifier body: (_)"
_JS_FUNCTIONS = (
    "function_declaration, generator_function_declaration, function_expression, generator_function,"
    "arrow_function, method_definition"
)
_TS_SCOPES = _scopes(
    function=_JS_FUNCTIONS,
    classes="class_declaration, class, abstract_class_declaration, interface_declaration, enum_declaration",
    module="internal_module, module",
)
_JS_STRINGS = ("string", "template_string", "regex")

LANGUAGES: tuple[Language, ...] = (
    Language(
        "python",
        "tree_sitter_python",
        (".py", ".pyi", ".pyw", "sconstruct", "sconscript"),
        blocks="colon",
        line_comment="#",
        block_comment=None,
        quotes=('"""', "'''", '"', "'"),
        scopes=_scopes(function="function_definition", classes="class_definition"),
        imports="[(import_statement) (import_from_statement) (future_import_statement)] @import",
        interpolations=("interpolation",),
    ),
    Language(
        "javascript",
        "tree_sitter_javascript",
        (".js", ".mjs", ".cjs", ".jsx"),
        aliases=("javascriptreact", "jsx"),
        quotes=("`", '"', "'"),
        scopes=_scopes(function=_JS_FUNCTIONS, classes="class_declaration, class"),
        imports="(import_statement) @import",
        strings=_JS_STRINGS,
        interpolations=("template_substitution",),
        queries=("ecmascript", "javascript", "jsx"),
        member_marks=("?.",),
        name_chars="$#",
    ),
    Language(
        "typescript",
        "tree_sitter_typescript",
        (".ts", ".mts", ".cts"),
        function="language_typescript",
        quotes=("`", '"', "'"),
        scopes=_TS_SCOPES,
        imports="(import_statement) @import",
        strings=_JS_STRINGS,
        interpolations=("template_substitution",),
        queries=("ecmascript", "typescript"),
        member_marks=("?.",),
        name_chars="$#",
    ),
    Language(
        "typescriptreact",
        "tree_sitter_typescript",
        (".tsx",),
        aliases=("tsx",),
        function="language_tsx",
        quotes=("`", '"', "'"),
        scopes=_TS_SCOPES,
        imports="(import_statement) @import",
        strings=_JS_STRINGS,
        interpolations=("template_substitution",),
        queries=("ecmascript", "typescript", "jsx"),
        member_marks=("?.",),
        name_chars="$#",
    ),
    Language(
        "go",
        "tree_sitter_go",
        (".go",),
        quotes=("`", '"', "'"),
        scopes=_scopes(function="function_declaration, method_declaration, func_literal", classes="type_spec"),
        imports="(import_declaration) @import",
        strings=("interpreted_string_literal", "raw_string_literal", "rune_literal"),
    ),
    Language(
        "rust",
        "tree_sitter_rust",
        (".rs",),
        quotes=('"',),
        scopes=_scopes(
            function="function_item, closure_expression, macro_definition",
            classes="struct_item, enum_item, union_item, trait_item, impl_item",
            module="mod_item body: (_)",
        ),
        imports="[(use_declaration) (extern_crate_declaration)] @import",
        comments=("line_comment", "block_comment"),
        strings=("string_literal", "raw_string_literal", "char_literal"),
        member_marks=("::",),
    ),
    Language(
        "java",
        "tree_sitter_java",
        (".java",),
        quotes=('"""', '"', "'"),
        scopes=_scopes(
            function="method_declaration, constructor_declaration, compact_constructor_declaration, lambda_expression",
            classes="class_declaration, interface_declaration, enum_declaration, record_declaration,"
            "annotation_type_declaration",
        ),
        imports="(import_declaration) @import",
        comments=("line_comment", "block_comment"),
        strings=("string_literal", "character_literal"),
        interpolations=("string_interpolation",),
        member_marks=("::",),
        name_chars="$",
    ),
    Language(
        "c",
        "tree_sitter_c",
        (".c", ".h"),
        scopes=_scopes(function="function_definition", classes=_C_SCOPES),
        imports="(preproc_include) @import",
        strings=("string_literal", "char_literal", "system_lib_string"),
        member_marks=("->",),
    ),
    Language(
        "cpp",
        "tree_sitter_cpp",
        (".cpp", ".cc", ".cxx", ".hpp", ".hh", ".hxx", ".h++", ".c++", ".ipp", ".cu", ".cuh"),
        aliases=("cuda-cpp", "c++"),
        scopes=_scopes(
            function="function_definition, lambda_expression",
            classes=_C_SCOPES + ", class_specifier body: (_)",
            module="namespace_definition",
        ),
        imports="[(preproc_include) (using_declaration)] @import",
        strings=("string_literal", "raw_string_literal", "char_literal", "system_lib_string"),
        queries=("c", "cpp"),
        member_marks=("::", "->"),
    ),
    Language(
        "csharp",
        "tree_sitter_c_sharp",
        (".cs", ".csx"),
        aliases=("cs", "c#"),
        quotes=('"""', '"', "'"),
        scopes=_scopes(
            function="method_declaration, constructor_declaration, destructor_declaration, operator_declaration,"
            "local_function_statement, property_declaration, lambda_expression, anonymous_method_expression",
            classes="class_declaration, interface_declaration, struct_declaration, enum_declaration,record_declaration",
            module="namespace_declaration",
        ),
        imports="(using_directive) @import",
        strings=(
            "string_literal",
            "verbatim_string_literal",
            "raw_string_literal",
            "interpolated_string_expression",
            "character_literal",
        ),
        interpolations=("interpolation",),
        member_marks=("?.",),
    ),
    Language(
        "ruby",
        "tree_sitter_ruby",
        (".rb", ".rake", ".gemspec", ".ru", "gemfile", "rakefile"),
        blocks="ruby",
        line_comment="#",
        block_comment=("\n=begin", "\n=end"),
        scopes=_scopes(
            function="method, singleton_method, lambda",
            classes="class name: (_), singleton_class",
            module="module name: (_)",
        ),
        imports='((call method: (identifier) @_name) @import (#match? @_name "^(require|require_relative|load)$"))',
        strings=("string", "heredoc_body", "regex", "subshell", "string_array"),
        interpolations=("interpolation",),
        member_marks=("::", "&."),
        name_chars="?!",
    ),
    Language(
        "php",
        "tree_sitter_php",
        (".php", ".phtml", ".php5"),
        function="language_php",
        fragment="language_php_only",
        scopes=_scopes(
            function="method_declaration, function_definition, anonymous_function, arrow_function",
            classes="class_declaration, interface_declaration, trait_declaration, enum_declaration",
            module="namespace_definition body: (_)",
        ),
        imports="[(namespace_use_declaration) (require_expression) (require_once_expression)"
        " (include_expression) (include_once_expression)] @import",
        strings=("string", "encapsed_string", "heredoc", "nowdoc"),
        member_marks=("?->", "->", "::", "\\"),
        name_chars="$",
    ),
    Language(
        "kotlin",
        "tree_sitter_kotlin",
        (".kt", ".kts"),
        quotes=('"""', '"', "'"),
        scopes=_scopes(
            function="function_declaration, anonymous_function, secondary_constructor, lambda_literal",
            classes="class_declaration, object_declaration, companion_object",
        ),
        imports="(import) @import",
        comments=("line_comment", "block_comment"),
        strings=("string_literal", "multiline_string_literal", "character_literal"),
        interpolations=("interpolation",),
        member_marks=("?.", "!!.", "::"),
    ),
    Language(
        "scala",
        "tree_sitter_scala",
        (".scala", ".sc", ".sbt"),
        blocks="scala",
        quotes=('"""', '"'),
        scopes=_scopes(
            function="function_definition, lambda_expression",
            classes="class_definition, object_definition, trait_definition, enum_definition",
        ),
        imports="(import_declaration) @import",
        comments=("comment", "block_comment"),
        strings=("string", "interpolated_string", "character_literal"),
        interpolations=("interpolation",),
    ),
    Language(
        "lua",
        "tree_sitter_lua",
        (".lua",),
        blocks="lua",
        line_comment="--",
        block_comment=("--[[", "]]"),
        scopes=_scopes(function="function_declaration, function_definition"),
        imports='((function_call name: (identifier) @_name) @import (#eq? @_name "require"))',
    ),
    Language(
        "shellscript",
        "tree_sitter_bash",
        (".sh", ".bash", ".zsh", ".bashrc", ".bash_profile", ".zshrc", ".profile"),
        aliases=("bash", "sh", "zsh"),
        blocks="bash",
        line_comment="#",
        block_comment=None,
        scopes=_scopes(function="function_definition"),
        imports='((command name: (command_name) @_name) @import (#match? @_name "^(source|[.])$"))',
        strings=("string", "raw_string", "heredoc_body", "ansi_c_string"),
        interpolations=("command_substitution",),
    ),
    Language(
        "sql",
        "tree_sitter_sql",
        (".sql", ".psql", ".ddl"),
        aliases=("mysql", "pgsql", "postgres"),
        blocks="sql",
        line_comment="--",
        scopes=_scopes(function="create_function"),
        comments=("comment", "marginalia"),
        strings=(),
    ),
    Language(
        "html",
        "tree_sitter_html",
        (".html", ".htm", ".xhtml"),
        blocks="html",
        line_comment=None,
        block_comment=("<!--", "-->"),
        quotes=(),
        strings=("quoted_attribute_value",),
    ),
    Language(
        "css",
        "tree_sitter_css",
        (".css",),
        line_comment=None,
        imports="(import_statement) @import",
        strings=("string_value",),
    ),
    Language(
        "json",
        "tree_sitter_json",
        (".json", ".jsonc", ".webmanifest", ".ipynb"),
        aliases=("jsonc",),
        quotes=('"',),
    ),
    Language(
        "yaml",
        "tree_sitter_yaml",
        (".yaml", ".yml"),
        aliases=("dockercompose",),
        blocks="yaml",
        line_comment="#",
        block_comment=None,
        strings=("double_quote_scalar", "single_quote_scalar", "block_scalar"),
    ),
    Language(
        "toml",
        "tree_sitter_toml",
        (".toml", "cargo.lock", "poetry.lock", "uv.lock"),
        blocks="toml",
        line_comment="#",
        block_comment=None,
        quotes=('"""', "'''", '"', "'"),
    ),
    Language(
        "markdown",
        "tree_sitter_markdown",
        (".md", ".markdown"),
        blocks="prose",
        line_comment=None,
        block_comment=("<!--", "-->"),
        quotes=(),
        comments=(),
        strings=(),
    ),
)

_BY_ID = {key: language for language in LANGUAGES for key in (language.name, *language.aliases)}
_BY_FILE = {ending: language for language in LANGUAGES for ending in language.files}
_CONTRACTS = {".proto": "proto", **dict.fromkeys((".graphql", ".graphqls", ".gql"), "graphql")}
