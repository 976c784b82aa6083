"""What the model is shown of the file itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from marks import at_cursor

from context import Budget, ContextWindow, Snippet, build_window
from context.languages import find
from context.outline import IncrementalTree
from context.tokens import TokenRate
from context.window import n_tokens, room_for_snippets, shown_lines


def check_window(text: str, tokens: int, suffix_tokens: int | None = None) -> ContextWindow:
    """The window at the cursor, after what must hold for every window."""
    snapshot, offset = at_cursor(text)
    window = build_window(snapshot, offset, Budget(tokens, suffix_tokens))
    plain_before = snapshot.text[:offset].replace("\r\n", "\n").replace("\r", "\n")
    assert plain_before.endswith(window.prefix + window.held_back)
    assert n_tokens(window.prefix + window.suffix) <= tokens + 2
    return window


def check_snippets(text: str, snippets: list[Snippet], tokens: int) -> ContextWindow:
    """The window at the cursor with snippets, after what must hold for all of them together."""
    snapshot, offset = at_cursor(text)
    window = build_window(snapshot, offset, Budget(tokens, rate=1.0), snippets=snippets)
    whole = "".join(f"{snippet.path}\n{snippet.text}" for snippet in window.snippets)
    assert n_tokens(whole + window.prefix + window.suffix) <= tokens
    given = {line for snippet in snippets for line in snippet.text.splitlines()}
    assert {line for snippet in window.snippets for line in snippet.text.splitlines()} <= given
    return window


def source(n_lines: int) -> list[str]:
    names = ("".join(chr(97 + i // 26**k % 26) for k in (2, 1, 0)) for i in range(n_lines))
    return [f"value_{name} = compute(first, second)" for name in names]


def test_a_small_file_is_shown_whole() -> None:
    window = check_window("import os\n\nprint(<|>)\n", 2_048)
    assert (window.prefix, window.suffix, window.held_back) == ("import os\n\nprint(", ")\n", "")


def test_a_blank_before_the_cursor_is_held_back() -> None:
    window = check_window("def add(a, b):\n    return <|>\n", 2_048)
    assert (window.prefix, window.held_back) == ("def add(a, b):\n    return", " ")


def test_the_start_stays_while_a_developer_types_on() -> None:
    lines = source(2_000)
    typed = "result = [transform(value) for value in values if value]"
    starts = set()
    for n in range(len(typed)):
        text = "\n".join(lines[:1_000]) + "\n" + typed[:n] + "<|>\n" + "\n".join(lines[1_000:])
        starts.add(check_window(text, 2_048).prefix.split("\n")[0])
    assert len(starts) == 1


def test_the_start_moves_once_in_many_lines() -> None:
    lines = source(2_000)
    starts = []
    for n in range(500, 692):
        text = "\n".join(lines[:n]) + "\n<|>\n"
        starts.append(check_window(text, 2_048).prefix.split("\n")[0])
    assert len(set(starts)) <= 4
    assert all(start in lines for start in starts), "a window begins with a whole line"


def test_a_window_holds_at_least_half_of_what_it_may() -> None:
    lines = source(2_000)
    for tokens in (128, 700, 2_048, 8_192):
        for n in (900, 931, 1_000):
            window = check_window("\n".join(lines[:n]) + "\n<|>\n" + "\n".join(lines[n:]), tokens)
            assert n_tokens(window.prefix + window.suffix) > tokens * 0.45


def test_long_lines_do_not_cost_a_window_what_stands_before_the_cursor() -> None:
    for n_chars in (80, 300, 1_000, 3_000):
        lines = [f"    check('{'漢字, and so on; ' * (n_chars // 16)}{i}')" for i in range(200)]
        window = check_window("\n".join(lines) + "\n    check(<|>)\n", 2_048)
        assert n_tokens(window.prefix) > 0.3 * 2_048, n_chars


def test_a_slow_endpoint_is_shown_a_short_suffix() -> None:
    text = "\n".join(source(400)) + "\n<|>\n" + "\n".join(source(400))
    assert n_tokens(check_window(text, 700, 48).suffix) <= 50


def test_a_line_longer_than_the_budget_is_cut() -> None:
    window = check_window("x = [" + "1, " * 100_000 + "<|>" + "2, " * 100_000 + "]", 700)
    assert window.prefix.endswith("1,")
    assert window.suffix.startswith("2, ")


def test_line_breaks_are_shown_to_the_model_as_it_knows_them() -> None:
    window = check_window("a = 1\r\nb = <|>\r\nc = 3\r\n", 2_048)
    assert (window.prefix, window.suffix) == ("a = 1\nb =", "\nc = 3\n")


def test_imports_and_headers_stand_in_for_what_does_not_fit() -> None:
    body = "\n".join(f"        total += self.step_{i}({i})" for i in range(400))
    header = "class Wheel(Round):\n    def turn(self, times: int) -> float:\n"
    snapshot, offset = at_cursor(f"import os\nfrom math import pi\n\n\n{header}{body}\n        <|>\n")
    language = find("python")
    assert language is not None
    outline = IncrementalTree(language, snapshot.text.encode()).outline()
    head, _, rest = build_window(snapshot, offset, Budget(700), outline=outline).prefix.partition("        total")
    assert head == f"import os\nfrom math import pi\n{header}"
    assert rest.endswith("self.step_399(399)\n       ")


@given(
    before=st.lists(st.sampled_from([*"ab \n", "漢", "😀", "\r\n", "\t"]), max_size=900).map("".join),
    after=st.lists(st.sampled_from([*"ab \n", "漢", "😀", "\r\n"]), max_size=900).map("".join),
    tokens=st.integers(64, 400),
)
def test_any_text_fits_and_keeps_the_cursor(before: str, after: str, tokens: int) -> None:
    check_window(before + "<|>" + after, tokens)


def test_snippets_of_one_file_are_one() -> None:
    snippets = [
        Snippet("b.py", "def far(): ...\n", 9, "definition"),
        Snippet("b.py", "def near(): ...\n", 2, "definition"),
        Snippet("a.py", "def other(): ...\n", 5, "similar code"),
    ]
    window = check_snippets("print(<|>)\n", snippets, 2_048)
    assert window.snippets == (
        Snippet("b.py", "def near(): ...\ndef far(): ...\n", 2, "definition"),
        Snippet("a.py", "def other(): ...\n", 5, "similar code"),
    )


def test_what_is_too_large_gives_way() -> None:
    large, small = Snippet("a.py", "value = compute()\n" * 400), Snippet("b.py", "def small(): ...\n")
    assert check_snippets("print(<|>)\n", [large, small], 300).snippets == (small,)


def test_a_long_document_keeps_its_share() -> None:
    text = "\n".join(source(600)) + "\nprint(<|>)\n" + "\n".join(source(600))
    snippets = [Snippet(f"m{n}.py", f"def function_{n}(first, second): ...\n") for n in range(400)]
    window = check_snippets(text, snippets, 2_048)
    assert n_tokens(window.prefix + window.suffix) > 0.3 * 2_048
    assert len(window.snippets) > 20


def test_a_short_document_leaves_its_room() -> None:
    snippets = [Snippet("m.py", f"def function_{n}(first, second): ...\n", n) for n in range(400)]
    (one,) = check_snippets("print(<|>)\n", snippets, 2_048).snippets
    assert n_tokens(one.text) > 0.8 * 2_048


def test_lines_of_the_document_itself_stand_in_its_order() -> None:
    lines = source(600)
    text = "\n".join([*lines[:400], "print(<|>)", *lines[400:]]) + "\n"
    own = [Snippet("file.py", lines[n] + "\n", n + (n > 400)) for n in (590, 7, 3)]
    window = check_snippets(text, own, 2_048)
    assert window.prefix.startswith(f"{lines[3]}\n{lines[7]}\n")
    assert window.prefix[: window.n_head] == f"{lines[3]}\n{lines[7]}\n"
    assert window.suffix.endswith(f"{lines[590]}\n")
    assert window.snippets == ()


def test_lines_that_are_shown_anyway_are_shown_once() -> None:
    text = "\n".join(source(600)) + "\nprint(<|>)\n"
    snapshot, offset = at_cursor(text)
    near = Snippet("file.py", source(600)[598] + "\n", 598)
    assert 598 in shown_lines(snapshot, offset, Budget(2_048, rate=1.0))
    assert check_snippets(text, [near], 2_048).prefix.count(near.text) == 1


def test_lines_that_the_document_has_no_more_are_not_shown() -> None:
    text = "\n".join(source(600)) + "\nprint(<|>)\n"
    window = check_snippets(text, [Snippet("file.py", "def secret(): ...\n", 3)], 2_048)
    assert "secret" not in window.prefix + window.suffix


def test_one_key_does_not_change_what_a_prompt_begins_with() -> None:
    lines = source(800)
    snippets = [Snippet(f"m{n}.py", f"def function_{n}(first, second): ...\n") for n in range(40)]
    texts = ["\n".join(lines[:500]) + f"\nresult{'s' * n}<|>\n" + "\n".join(lines[500:]) for n in range(30)]
    windows = [check_snippets(text, snippets, 2_048) for text in texts]
    assert len({window.snippets for window in windows}) == 1
    assert len({window.prefix.split("\n")[0] for window in windows}) == 1


def test_a_model_that_needs_more_tokens_is_shown_less() -> None:
    snapshot, offset = at_cursor("\n".join(source(800)) + "\n<|>\n")
    sizes = [len(build_window(snapshot, offset, Budget(2_048, rate=rate)).prefix) for rate in (0.8, 1.0, 1.3)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 1.4 * sizes[2]


def test_the_rate_follows_what_the_endpoint_counts() -> None:
    rate = TokenRate()
    for _ in range(20):
        rate.update(1_500, 1_800)
    assert 1.15 < rate.rate < 1.25
    for _ in range(200):
        rate.update(1_500, 1_500)
    assert 0.99 < rate.rate < 1.01
    before = rate.rate
    rate.update(0, 5)
    rate.update(100, 0)
    assert rate.rate == before


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 10**7))))
def test_no_count_makes_the_rate_absurd(counts: list[tuple[float, int]]) -> None:
    rate = TokenRate()
    for estimated, counted in counts:
        rate.update(estimated, counted)
    assert 0.5 <= rate.rate <= 2.5


@given(
    before=st.lists(st.sampled_from([*"ab \n", "漢", "\r\n", "value = 1\n"]), max_size=600).map("".join),
    after=st.lists(st.sampled_from([*"ab \n", "漢", "\r\n"]), max_size=300).map("".join),
    snippets=st.lists(
        st.builds(
            Snippet,
            st.sampled_from(["a.py", "b.py", "file.py"]),
            st.sampled_from(["value = 1\n", "漢\n", "ab\nab\n", "x" * 900 + "\n"]),
            st.integers(0, 300),
        ),
        max_size=20,
    ),
    tokens=st.integers(64, 600),
)
def test_any_snippets_fit_beside_any_text(before: str, after: str, snippets: list[Snippet], tokens: int) -> None:
    window = check_snippets(f"{before}<|>{after}", snippets, tokens)
    plain = before.replace("\r\n", "\n").replace("\r", "\n")
    assert plain.endswith((window.prefix + window.held_back)[window.n_head :])
    assert room_for_snippets(before + after, Budget(tokens)) <= tokens
