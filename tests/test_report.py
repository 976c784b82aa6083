"""The report: what a day's work leaves in it, and that its page asks no network and holds no text."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_endpoint import Reply, ScriptedEndpoint
from wire import CAPABILITIES, Editor, Kind, ResponseError, open_editor, own_environment

from context.sqlite_file import StoreError
from lsp_server.ledger import metrics_file
from lsp_server.ledger.charts import bars, duration, lines
from lsp_server.ledger.measures import Accepted, Answer, Left, Measure, Request
from lsp_server.ledger.report import Acceptance, Errors, Percentiles, Report, Sources, Tokens, read
from lsp_server.ledger.report_page import as_json, page

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY_S = 86_400
HIDDEN = "hidden_in_the_file"


def check_report(tmp_path: Path, measures: Iterable[Measure], days: int = 7) -> Report:
    """The report, on the noon of a day, of what was measured until then."""
    path = tmp_path / "metrics.sqlite3"
    connection = metrics_file.opened(path)
    metrics_file.write(connection, measures)
    connection.close()
    report = read(days, NOON, path)
    assert json.loads(as_json(report))["since"] == report.since.isoformat()
    assert_self_contained(page(report))
    return report


class _Page(HTMLParser):
    """Every element must be closed in its order; what it points at is collected."""

    void = ("meta", "br", "polyline", "circle", "line")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.pointed_at: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.pointed_at += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.void:
            self.open.pop()

    def handle_data(self, text: str) -> None:
        self.text += text


def assert_self_contained(html: str) -> _Page:
    parsed = _Page()
    parsed.feed(html)
    assert parsed.open == []
    assert parsed.pointed_at == []
    assert parsed.tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "base", "form"})
    assert not re.search(r"https?:|url\(|@import|nan|\bNone\b", html)
    assert "default-src 'none'" in html
    return parsed


def at(day: int, hour: int = 9) -> float:
    return datetime(2026, 11, day, hour, tzinfo=UTC).timestamp()


def completion(day: int = 20, language: str = "python", **fields: Any) -> Answer:
    return Answer("completion", language, "instant", "m", **{"source": "asked", "time": at(day), **fields})


def request(day: int = 20, outcome: str = "answered", **fields: Any) -> Request:
    whose = {"feature": "completion", "tier": "instant", "model": "m", "time": at(day)}
    return Request(**{**whose, **fields}, outcome=outcome)


def test_latency_is_by_feature_and_by_day(tmp_path: Path) -> None:
    measures: list[Measure] = [completion(19, own_ms=float(n), total_ms=100.0 + n) for n in range(1, 101)]
    measures += [completion(20, own_ms=7.0, total_ms=70.0), completion(20, own_ms=900.0, outcome="superseded")]
    measures += [request(19, first_token_ms=50.0), request(19, feature="warm_up", first_token_ms=9_000.0)]
    measures.append(Answer("explain", "python", "thinking", total_ms=4_000.0, time=at(18)))
    report = check_report(tmp_path, measures)
    assert report.latency_by_day["2026-11-19"].own == Percentiles(100, 50.0, 95.0, 99.0)
    assert report.latency_by_day["2026-11-19"].first_token == Percentiles(1, 50.0, 50.0, 50.0)
    assert report.latency_by_day["2026-11-20"].total == Percentiles(1, 70.0, 70.0, 70.0)
    assert list(report.latency_by_day) == ["2026-11-19", "2026-11-20"]
    assert report.latency["explain"].total == Percentiles(1, 4_000.0, 4_000.0, 4_000.0)


def test_acceptance_is_by_language_and_feature(tmp_path: Path) -> None:
    taken, half, fix = completion(shown_chars=40), completion(shown_chars=10), Answer("fix", "go", time=at(20))
    fix.shown_chars = 30
    measures = [
        *(taken, half, fix, completion(shown_chars=50), completion(shown_chars=0)),
        completion(language="go", shown_chars=5),
        Answer("explain", "go", shown_chars=900, time=at(20)),
        *(Accepted(taken.row, "completion", "python", 40), Left(taken.row, "completion", "python", 30)),
        *(Accepted(half.row, "completion", "python", 5), Accepted(fix.row, "fix", "go", 30)),
    ]
    report = check_report(tmp_path, measures)
    assert report.acceptance == [
        Acceptance("completion", "python", 3, 2, 100, 45, 30, 40),
        Acceptance("completion", "go", 1, 0, 5, 0, 0, 0),
        Acceptance("fix", "go", 1, 1, 30, 30, 0, 0),
    ]
    assert (report.acceptance[0].rate, report.acceptance[0].kept_rate) == (2 / 3, 0.75)
    assert report.acceptance[1].kept_rate is None


def test_requests_saved(tmp_path: Path) -> None:
    sources = ["memory"] * 6 + ["running"] * 2 + ["asked"] * 2 + [""] * 5
    report = check_report(tmp_path, [completion(source=source) for source in sources])
    assert report.sources == report.sources_by_day["2026-11-20"] == Sources(6, 2, 2, 5)
    assert report.sources.saved == 0.8


def test_tokens_and_errors(tmp_path: Path) -> None:
    measures = [
        *(request(prompt_tokens=1_000, cached_tokens=900, completion_tokens=20) for _ in range(3)),
        request(outcome="failed", error="timeout"),
        request(outcome="failed", error="overloaded", feature="explain", tier="thinking", model=""),
    ]
    report = check_report(tmp_path, measures)
    assert report.tokens == [
        Tokens("completion", "instant", "m", 4, 3_000, 2_700, 60),
        Tokens("explain", "thinking", "", 1, 0, 0, 0),
    ]
    assert sorted(report.errors, key=lambda one: one.cause) == [
        Errors("explain", "thinking", "overloaded", 1, 1.0),
        Errors("completion", "instant", "timeout", 1, 0.25),
    ]


def test_days_are_those_that_were_asked_for(tmp_path: Path) -> None:
    measures = [completion(day) for day in (17, 18, 19, 20)]
    assert list(check_report(tmp_path, measures, days=2).sources_by_day) == ["2026-11-19", "2026-11-20"]
    assert read(1, NOON, tmp_path / "metrics.sqlite3").sources.asked == 1


def test_an_empty_report_says_so(tmp_path: Path) -> None:
    report = check_report(tmp_path, [completion(1)])
    assert report.is_empty
    assert "Nothing was measured" in page(report)


def test_no_file_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        read(7, NOON, tmp_path / "metrics.sqlite3")


def test_names_cannot_become_markup(tmp_path: Path) -> None:
    report = check_report(tmp_path, [completion(language="<b>c++</b>", shown_chars=3), request(model="<script>")])
    assert "c++" in page(report)


@given(st.lists(st.lists(st.one_of(st.none(), st.floats(0.001, 1e7)), min_size=3, max_size=3), max_size=4))
def test_charts_stay_in_their_frame(series: list[list[float | None]]) -> None:
    named = {f"series {number}": line for number, line in enumerate(series)}
    days = ["2026-11-18", "2026-11-19", "2026-11-20"]
    for chart in (lines("times", days, named), bars("counts", days, named)):
        found = re.findall(r'\by[12]?="([^"]+)"|cy="([^"]+)"', chart)
        assert [y for pair in found for y in pair if y and not 0 <= float(y) <= 240] == []
        assert "nan" not in chart


def test_durations_read_well() -> None:
    assert [duration(ms) for ms in (0.5, 3.456, 99.94, 320.4, 1_000, 4_200)] == [
        *("0.5 ms", "3.46 ms", "99.9 ms", "320 ms", "1 s", "4.2 s"),
    ]


# The real thing.


async def reported(editor: Editor, days: int | None = None) -> Any:
    arguments = [] if days is None else [days]
    return await editor.request("workspace/executeCommand", {"command": "instant.report", "arguments": arguments})


def figures(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "lsp_server", "report", *arguments]
    return subprocess.run(command, env=own_environment(home), capture_output=True, text=True, check=False)


def check_written(home: Path, path: Path) -> None:
    """The page and the figures after a completion was taken by parts, half of it deleted, and an explanation failed."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "python" in assert_self_contained(path.read_text()).text
    told = json.loads(figures(home, "--json", "--days", "1").stdout)
    n_ghost = len(f" left + {HIDDEN}")
    (row,) = told["acceptance"]
    assert (row["language"], row["shown"], row["accepted"]) == ("python", 1, 1)
    assert (row["shown_chars"], row["accepted_chars"]) == (n_ghost, n_ghost)
    assert row["kept_chars"] == row["accepted_chars"] - len(HIDDEN)
    assert (told["sources"]["asked"], told["sources"]["memory"]) == (1, 1)
    assert [(one["feature"], one["cause"]) for one in told["errors"]] == [("explain", "overloaded")]
    assert told["latency"]["completion"]["own"]["n"] == 2
    stored = b"".join(file.read_bytes() for file in path.parent.rglob("*") if file.is_file())
    assert HIDDEN.encode() not in stored
    assert b"secret_name" not in stored


@pytest.mark.parametrize("kind", ["neovim", "vscode"])
async def test_what_follows_first_lines_is_shown_once(kind: Kind, tmp_path: Path) -> None:
    more = asyncio.Event()
    first, rest = "total = 0\n", "    for price in prices:\n        total += price\n    return total\n"
    at_once = {"INSTANT_LSP_COMPLETION_FIRST_LINES_MS": "0"}
    able = {**CAPABILITIES[kind], "experimental": {"instantRefresh": True}}
    async with (
        ScriptedEndpoint() as endpoint,
        open_editor(kind, tmp_path, url=endpoint.url, environment=at_once, capabilities=able) as editor,
    ):
        await editor.status("ready")
        endpoint.reply = Reply((f" {first}", rest), more=more)
        document = editor.open("def add(prices):\n    <|>\n", name="add.py")
        assert await document.ghost() == first.rstrip()
        more.set()
        assert await editor.refreshed() == document.uri
        assert await document.ghost() == f"{first}{rest}".rstrip()
        document.type(first.rstrip())
        assert await document.ghost() == f"\n{rest.rstrip()}"
        await reported(editor)
    (row,) = json.loads(figures(tmp_path, "--json", "--days", "1").stdout)["acceptance"]
    assert (row["shown"], row["shown_chars"]) == (1, len(f"{first}{rest}".rstrip()))


async def test_an_editor_that_cannot_ask_again_is_told_nothing(tmp_path: Path) -> None:
    """Nothing has come by the time of a later answer, which is slower than telling is."""
    more = asyncio.Event()
    at_once = {"INSTANT_LSP_COMPLETION_FIRST_LINES_MS": "0"}
    async with (
        ScriptedEndpoint() as endpoint,
        open_editor("neovim", tmp_path, url=endpoint.url, environment=at_once) as editor,
    ):
        await editor.status("ready")
        endpoint.reply = Reply((" a = 1\n", "    b = 2\n"), more=more)
        document = editor.open("def f():\n    <|>\n")
        assert await document.ghost() == "a = 1"
        more.set()
        async with asyncio.timeout(30):
            while await document.ghost() != "a = 1\n    b = 2":
                pass
        endpoint.reply = Reply((" later",), first_token_ms=500)
        assert await editor.open("x =<|>\n").ghost() == " later"


async def test_what_a_developer_does_is_in_the_report(tmp_path: Path) -> None:
    async with ScriptedEndpoint() as endpoint, open_editor("vscode", tmp_path, url=endpoint.url) as editor:
        await editor.status("ready")
        endpoint.reply = Reply((" left +", f" {HIDDEN}"))
        document = editor.open("def add(left, right):\n    return<|>\n", name="secret_name.py")
        assert await document.ghost() == f" left + {HIDDEN}"
        document.type(" left")  # a word of it is taken, then the rest
        assert await document.ghost() == f" + {HIDDEN}"
        document.type(f" + {HIDDEN}")
        document.replace(document.cursor - len(HIDDEN), document.cursor, "")
        endpoint.answering = lambda request: Reply(status=500 if "chat" in request.path else 200)
        whole = {"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 6}}
        asked = {"uri": document.uri, "range": whole, "partialResultToken": "parts"}
        await editor.request("workspace/executeCommand", {"command": "instant.explain", "arguments": [asked]})
        await editor.status("down")
        await editor.logged("")
        document.close()
        path = Path((await reported(editor))["path"])
    check_written(tmp_path, path)


async def test_what_is_switched_off_is_said(tmp_path: Path) -> None:
    off = {"INSTANT_LSP_METRICS_ENABLED": "false"}
    async with open_editor("neovim", tmp_path, environment=off) as editor:
        await editor.status("off")
        assert "metrics.enabled" in (await reported(editor))["message"]
        editor.check_nothing_overlooked()
    assert [name for _, _, names in os.walk(tmp_path) for name in names if name.startswith("metrics")] == []


async def test_a_number_of_days_is_checked(tmp_path: Path) -> None:
    async with ScriptedEndpoint() as endpoint, open_editor("neovim", tmp_path, url=endpoint.url) as editor:
        await editor.status("ready")
        with pytest.raises(ResponseError, match="number of days"):
            await reported(editor, 0)


def test_the_command_writes_where_it_is_told(tmp_path: Path) -> None:
    ran = figures(tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "nothing has been measured" in ran.stderr
    state = tmp_path / "instant-lsp"
    connection = metrics_file.opened(state / metrics_file.metrics_path().name)
    metrics_file.write(connection, [Answer("completion", "python", shown_chars=1)])
    connection.close()
    out = tmp_path / "out" / "report.html"
    assert figures(tmp_path, "--out", str(out)).stdout == f"{out}\n"
    assert_self_contained(out.read_text())
    assert figures(tmp_path, "--json", "--out", str(out)).returncode == 0
    assert json.loads(out.read_text())["acceptance"][0]["shown"] == 1
    assert figures(tmp_path, "--days", "0").returncode == 2
    (tmp_path / "file").write_text("")
    assert figures(tmp_path, "--out", str(tmp_path / "file" / "below")).returncode == 1
