"""What the model is shown of the file itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from marks import at_cursor

from context import Budget, ContextWindow, build_window
from context.languages import find
from context.outline import IncrementalTree
from context.window import n_tokens


def check_window(text: str, tokens: int, suffix_tokens: int | None = None) -> ContextWindow:
    """The window at the cursor, after what must hold for every window."""
    snapshot, offset = at_cursor(text)
    window = build_window(snapshot, offset, Budget(tokens, suffix_tokens))
    plain_before = snapshot.text[:offset].replace("\r\n", "\n").replace("\r", "\n")
    assert plain_before.endswith(window.prefix + window.held_back)
    assert n_tokens(window.prefix + window.suffix) <= tokens + 2
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
