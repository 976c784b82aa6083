"""The store of figures: what is recorded is in it, whatever happens to its file, and nothing else is."""

from __future__ import annotations

import logging
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import time
from typing import Any

import pytest

from lsp_server.ledger import metrics_file, metrics_writer
from lsp_server.ledger.measures import Accepted, Answer, Grown, Left, Request
from lsp_server.ledger.metrics import Metrics, MetricsOptions

ROOT = Path(__file__).parents[1]
DAY_S = 86_400


@contextmanager
def check_metrics(path: Path, **options: Any) -> Iterator[Metrics]:
    """Metrics that write to `path`, closed at the end; what was recorded is written by then."""
    metrics = Metrics()
    metrics.configure(MetricsOptions(path=path, **options))
    try:
        yield metrics
        assert metrics.flush(20)
    finally:
        metrics.close()


def rows(path: Path, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT {columns} FROM {table} ORDER BY time").fetchall()


def test_what_is_recorded_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "state" / "metrics.sqlite3"
    answer = Answer("completion", "python", "instant", "Qwen/Qwen2.5-Coder-7B", "asked", own_ms=4.123, shown_chars=9)
    with check_metrics(path) as metrics:
        metrics.record(answer)
        metrics.record(Grown(answer.row, "completion", "python", 3))
        metrics.record(Accepted(answer.row, "completion", "python", 9))
        metrics.record(Left(answer.row, "completion", "python", 7))
        metrics.record(Request("explain", "thinking", "big", "failed", "timeout", total_ms=2_000.0, prompt_tokens=800))
    assert rows(path, "answers", "feature, language, model, source, own_ms") == [
        ("completion", "python", "Qwen/Qwen2.5-Coder-7B", "asked", 4.12)
    ]
    assert rows(path, "answers", "shown_chars, accepted_chars, kept_chars") == [(12, 9, 7)]
    assert rows(path, "requests", "tier, outcome, error, total_ms, prompt_tokens, completion_tokens") == [
        ("thinking", "failed", "timeout", 2_000.0, 800, None)
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_nothing_is_kept_when_switched_off(tmp_path: Path) -> None:
    with check_metrics(tmp_path / "metrics.sqlite3", enabled=False) as metrics:
        metrics.record(Answer("completion", "python"))
    assert list(tmp_path.iterdir()) == []


def test_names_are_cut_to_what_names_are(tmp_path: Path) -> None:
    """Languages are named by editors and models by endpoints; neither can put text in."""
    with check_metrics(tmp_path / "m", textfile=tmp_path / "instant.prom") as metrics:
        metrics.record(Answer("completion", 'py"} 1\nevil 漢字' + "x" * 300))
    ((language,),) = rows(tmp_path / "m", "answers", "language")
    assert not set('"} \n') & set(language)
    assert len(language) == 200
    assert "evil" not in {line.split("{")[0] for line in (tmp_path / "instant.prom").read_text().splitlines()}


def test_old_rows_go_and_the_counters_stay(tmp_path: Path) -> None:
    path, textfile = tmp_path / "m", tmp_path / "instant.prom"
    with check_metrics(path) as metrics:
        metrics.record(Answer("completion", "go", time=time() - 8 * DAY_S))
        metrics.record(Request("completion", "instant", "m", "answered", time=time() - 8 * DAY_S))
        metrics.record(Answer("completion", "go", time=time() - 6 * DAY_S))
    with check_metrics(path, retention_days=7, textfile=textfile) as metrics:
        metrics.record(Answer("completion", "go"))
    assert len(rows(path, "answers")) == 2
    assert rows(path, "requests") == []
    assert 'instant_answers_total{feature="completion",language="go",source="",outcome="shown"} 3\n' in (
        textfile.read_text()
    )


def test_the_textfile_is_what_prometheus_reads(tmp_path: Path) -> None:
    textfile = tmp_path / "instant.prom"
    with check_metrics(tmp_path / "m", textfile=textfile) as metrics:
        metrics.record(Answer("completion", "python", source="asked", own_ms=4.0, total_ms=300.0, shown_chars=12))
        metrics.record(Request("completion", "instant", "m", "answered", first_token_ms=120.0, completion_tokens=7))
    lines = textfile.read_text().splitlines()
    assert all(
        re.fullmatch(r'# TYPE \w+ (counter|histogram)|\w+\{(\w+="[^"\\]*",?)*\} [\d.e+-]+', one) for one in lines
    )
    types = [line.split()[2] for line in lines if line.startswith("#")]
    assert len(types) == len(set(types))
    assert 'instant_first_token_seconds_bucket{feature="completion",tier="instant",le="0.1"} 0' in lines
    assert 'instant_first_token_seconds_bucket{feature="completion",tier="instant",le="0.25"} 1' in lines
    assert 'instant_first_token_seconds_count{feature="completion",tier="instant"} 1' in lines
    assert 'instant_tokens_total{feature="completion",tier="instant",model="m",kind="completion"} 7' in lines
    assert [one for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def test_several_servers_write_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "m"
    code = """
import sys
from pathlib import Path
from lsp_server.ledger.measures import Answer
from lsp_server.ledger.metrics import Metrics, MetricsOptions
metrics = Metrics()
metrics.configure(MetricsOptions(path=Path(sys.argv[1])))
for _ in range(20):
    for _ in range(10):
        metrics.record(Answer("completion", "python"))
    assert metrics.flush(60)
metrics.close()
"""
    command = [sys.executable, "-c", code, str(path)]
    servers = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) for _ in range(3)]
    assert [(server.communicate()[1], server.returncode) for server in servers] == [(b"", 0)] * 3
    assert rows(path, "answers", "count(*)") == [(600,)]


def test_a_locked_file_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("context.sqlite_file._BUSY_MS", 20)
    monkeypatch.setattr(logging.getLogger("lsp_server"), "propagate", True)
    path = tmp_path / "m"
    with check_metrics(path) as metrics:
        metrics.record(Answer("completion", "a"))
        assert metrics.flush(20)
        caplog.clear()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for language in "bcdef":
                metrics.record(Answer("completion", language))
                assert metrics.flush(20)
            other.execute("COMMIT")
    assert [language for (language,) in rows(path, "answers", "language")] == list("abcdef")
    # Not at each of the five writes; with so short a wait a busy machine may bring a second time of it.
    told = [record.getMessage() for record in caplog.records]
    assert set(told) == {"metrics cannot be written: busy"}
    assert len(told) <= 2


@pytest.mark.parametrize("broken", [b"", b"no database at all" * 100, b"SQLite format 3\0" + bytes(4_000)])
def test_a_broken_file_is_made_anew(tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "m"
    path.write_bytes(broken)
    with check_metrics(path) as metrics:
        metrics.record(Answer("completion", "python"))
    assert len(rows(path, "answers")) == 1


def test_a_file_that_breaks_while_it_is_used_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "m"
    with check_metrics(path) as metrics:
        metrics.record(Answer("completion", "before"))
        assert metrics.flush(20)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("DROP TABLE requests")  # what is there is none of ours any more
        metrics.record(Request("completion", "instant", "m", "answered"))
        assert metrics.flush(20)
    assert len(rows(path, "requests")) == 1


def test_a_folder_that_cannot_be_written_costs_the_figures_alone(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with check_metrics(tmp_path / "state" / "m") as metrics:
        metrics.record(Answer("completion", "python"))


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are POSIX's")
def test_what_a_full_disk_holds_up_is_written_later(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from lsp_server.ledger.measures import Answer
from lsp_server.ledger.metrics import Metrics, MetricsOptions
metrics = Metrics()
metrics.configure(MetricsOptions(path=Path(sys.argv[1])))
metrics.record(Answer("completion", "python"))
assert metrics.flush(60)
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, most))
for _ in range(500):
    metrics.record(Answer("completion", "python"))
assert metrics.flush(60)
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
assert metrics.flush(60)
metrics.close()
"""
    ran = subprocess.run([sys.executable, "-c", code, str(tmp_path / "m")], cwd=ROOT, capture_output=True, check=True)
    assert b"metrics cannot be written: disk" in ran.stderr
    assert rows(tmp_path / "m", "answers", "count(*)") == [(501,)]


def test_no_more_waits_than_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_writer, "MAX_WAITING", 3)
    (tmp_path / "state").write_text("")
    with check_metrics(tmp_path / "state" / "m") as metrics:
        for n in range(8):
            metrics.record(Answer("completion", f"language{n}"))
        assert metrics.flush(20)
        (tmp_path / "state").unlink()
    assert rows(tmp_path / "state" / "m", "answers", "language") == [("language5",), ("language6",), ("language7",)]


def test_the_file_lies_in_the_users_own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert metrics_file.metrics_path().is_relative_to(tmp_path / "instant-lsp")


def test_new_options_hold_for_what_comes_after(tmp_path: Path) -> None:
    with check_metrics(tmp_path / "a") as metrics:
        metrics.record(Answer("completion", "python"))
        assert metrics.flush(20)
        metrics.configure(MetricsOptions(path=tmp_path / "b"))
        metrics.record(Answer("completion", "go"))
    assert rows(tmp_path / "a", "answers", "language") == [("python",)]
    assert rows(tmp_path / "b", "answers", "language") == [("go",)]
