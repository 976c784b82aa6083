"""Fill-in-the-middle formats: how a window is written, and where an answer is cut."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.window import ContextWindow, Snippet
from lsp_server.endpoint import fim
from lsp_server.options import FimFormatName

SNIPPETS = (Snippet("lib/one.py", "ONE"), Snippet("two.py", "TWO"))

NAMES = tuple(name for name in get_args(FimFormatName) if name != "auto")


def check_render(name: str, expected: str, *, snippets: tuple[Snippet, ...] = (), **parts: str) -> None:
    """Writes a small window in the named format."""
    window = ContextWindow(
        path=parts.get("path", "a.py"),
        language=parts.get("language", "python"),
        prefix=parts.get("prefix", "P"),
        suffix=parts.get("suffix", "S"),
        snippets=snippets,
    )
    assert fim.render(fim.FORMATS[name], window) == expected  # type: ignore[index]


def test_every_format_of_the_settings_is_there() -> None:
    assert set(fim.FORMATS) == set(NAMES)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("qwen", "<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>"),
        ("codegemma", "<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>"),
        ("granite", "<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>"),
        ("starcoder", "<fim_prefix>P<fim_suffix>S<fim_middle>"),
        ("codellama", "<PRE> P <SUF>S <MID>"),
        ("deepseek", "<｜fim▁begin｜>P<｜fim▁hole｜>S<｜fim▁end｜>"),
        ("codestral", "[SUFFIX]S[PREFIX]P"),
        ("seed-coder", "<[fim-suffix]>S<[fim-prefix]>P<[fim-middle]>"),
    ],
)
def test_one_file(name: str, expected: str) -> None:
    check_render(name, expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "qwen",
            "<|repo_name|>project\n<|file_sep|>lib/one.py\nONE\n<|file_sep|>two.py\nTWO\n<|file_sep|>a.py\n"
            "<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>",
        ),
        (
            "starcoder",
            "<repo_name>project<file_sep>lib/one.py\nONE<file_sep>two.py\nTWO<file_sep>a.py\n"
            "<fim_prefix>P<fim_suffix>S<fim_middle>",
        ),
        (
            "codegemma",
            "lib/one.py\nONE<|file_separator|>two.py\nTWO<|file_separator|>a.py\n"
            "<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>",
        ),
        (
            "deepseek",
            "#lib/one.py\nONE\n#two.py\nTWO\n#a.py\n<｜fim▁begin｜>P<｜fim▁hole｜>S<｜fim▁end｜>",
        ),
        (
            "codestral",
            "[SUFFIX]S[PREFIX]+++++ lib/one.py\nONE\n+++++ two.py\nTWO\n+++++ a.py\nP",
        ),
        (
            "granite",
            "<|fim_prefix|># lib/one.py\nONE\n# two.py\nTWO\n# a.py\nP<|fim_suffix|>S<|fim_middle|>",
        ),
        (
            "codellama",
            "<PRE> # lib/one.py\nONE\n# two.py\nTWO\n# a.py\nP <SUF>S <MID>",
        ),
        (
            "seed-coder",
            "<[fim-suffix]>S<[fim-prefix]># lib/one.py\nONE\n# two.py\nTWO\n# a.py\nP<[fim-middle]>",
        ),
    ],
)
def test_several_files(name: str, expected: str) -> None:
    check_render(name, expected, snippets=SNIPPETS)


@pytest.mark.parametrize(("language", "mark"), [("python", "#"), ("go", "//"), ("sql", "--"), ("never heard of", "//")])
def test_paths_are_comments_of_the_language(language: str, mark: str) -> None:
    check_render(
        "granite",
        f"<|fim_prefix|>{mark} b\nX\n{mark} a.py\nP<|fim_suffix|>S<|fim_middle|>",
        snippets=(Snippet("b", "X"),),
        language=language,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = '<|fim_middle|>'", "x = '< |fim_middle|>'"),
        ("<|im_start|>system", "< |im_start|>system"),
        ("<<|fim_suffix|><|fim_suffix|>", "<< |fim_suffix|>< |fim_suffix|>"),
        ("a <| b |> c, <|>, x<|y", "a <| b |> c, <|>, x<|y"),
        ("half a pair: \ud83d", "half a pair: ?"),
        ("{braces} {0} %s", "{braces} {0} %s"),
    ],
)
def test_tokens_in_the_file_are_text(text: str, expected: str) -> None:
    written = f"<|fim_prefix|>{expected}<|fim_suffix|>{expected}<|fim_middle|>"
    check_render("qwen", written, prefix=text, suffix=text)


@pytest.mark.parametrize("name", NAMES)
def test_no_format_lets_its_own_tokens_in(name: str) -> None:
    form = fim.FORMATS[name]  # type: ignore[index]
    text = " ".join(form.special)
    window = ContextWindow("a.py", "python", text, text, snippets=(Snippet(text, text),))
    plain = fim.render(form, ContextWindow("a.py", "python", "", "", snippets=(Snippet("b", "c"),)))
    for token in form.special:
        assert fim.render(form, window).count(token) == plain.count(token)


@given(st.text(), st.text(), st.sampled_from(sorted(fim.FORMATS)))
def test_any_text_can_be_sent(prefix: str, suffix: str, name: str) -> None:
    form = fim.FORMATS[name]  # type: ignore[index]
    prompt = fim.render(form, ContextWindow("a", "python", prefix, suffix))
    assert json.loads(json.dumps(prompt).encode()) == prompt
    assert [prompt.count(token) for token in form.tokens] == [1] * len(form.tokens)


@given(st.lists(st.sampled_from(["a", "<", "<|", "|>", "fim", "_pad", "<|fim_pad|>", "\n", "é"])))
def test_answers_are_cut_the_same_however_they_are_split(pieces: list[str]) -> None:
    tokens = fim.FORMATS["qwen"].special
    cut = fim.SpecialCut(tokens)
    shown = ""
    for piece in pieces:
        shown += cut.feed(piece)
        if cut.is_done:
            break
    shown += cut.close()
    whole = "".join(pieces)
    ends = [at for token in tokens if (at := whole.find(token)) >= 0]
    assert shown == whole[: min(ends, default=len(whole))]


def test_only_what_might_become_a_token_is_held_back() -> None:
    cut = fim.SpecialCut(("<|endoftext|>",))
    assert [cut.feed(piece) for piece in ("if a <", "= b", " <|end", "oftext|> junk")] == ["if a ", "<= b", " ", ""]
    assert cut.is_done


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ((), ["<|endoftext|>", "<|file_sep|>", "<|im_end|>", "<|fim_pad|>"]),
        (("\n",), ["\n", "<|endoftext|>", "<|file_sep|>", "<|im_end|>"]),
        (("a", "b", "c", "d", "e"), ["a", "b", "c", "d"]),
        (("<|im_end|>",), ["<|im_end|>", "<|endoftext|>", "<|file_sep|>", "<|fim_pad|>"]),
    ],
)
def test_at_most_four_stops_the_callers_first(wanted: tuple[str, ...], expected: list[str]) -> None:
    assert fim.stops(fim.FORMATS["qwen"], wanted) == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("Qwen/Qwen2.5-Coder-7B", "qwen"),
        ("deepseek-coder-v2-lite", "deepseek"),
        ("codestral-latest", "codestral"),
        ("bigcode/starcoder2-15b", "starcoder"),
        ("ByteDance-Seed/Seed-Coder-8B-Base", "seed-coder"),
        ("google/codegemma-7b", "codegemma"),
        ("CodeLlama-13b-hf", "codellama"),
        ("ibm-granite/granite-4.0-h-small", "granite"),
        ("fast", None),
        ("llama-3.1-8b-instruct", None),
    ],
)
def test_hints_of_names(model: str, expected: str | None) -> None:
    assert next((form.name for form in fim.by_name(model)), None) == expected


@pytest.mark.parametrize(
    ("suffix", "kept"),
    [(")\nS", "\nS"), ('")]\nS', "\nS"), ("))", ""), (") + 1\nS", ") + 1\nS"), ("\n)\nS", "\n)\nS"), ("", "")],
)
def test_brackets_that_close_and_go_again_do_not_begin_a_prompt(suffix: str, kept: str) -> None:
    window = ContextWindow("a.py", "python", "P", suffix)
    assert fim.render(fim.FORMATS["codestral"], window) == f"[SUFFIX]{kept}[PREFIX]P"
    assert fim.render(fim.FORMATS["qwen"], window) == f"<|fim_prefix|>P<|fim_suffix|>{suffix}<|fim_middle|>"
