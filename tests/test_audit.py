"""The audit trail: what it says, what it cannot say, and how it is seen that somebody had a hand in it."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lsp_server.__main__ import main
from lsp_server.ledger import chain as chains
from lsp_server.ledger import entries, verify
from lsp_server.ledger.audit import Audit, AuditError, AuditOptions
from lsp_server.ledger.chain import Chain, ChainError, Fsync, Head
from lsp_server.ledger.entries import Ended, Entry, EntryError, Judged, Refused, Sent
from lsp_server.ledger.entries import Path as TrailPath

NODE = "desk"
CODE = 'def pay(card):\n    return charge(card, "4242")\n'


def check_whole(folder: Path, *, n_lines: int | None = None, n_notes: int = 0) -> verify.Verdict:
    """Nobody had a hand in the trail; `n_notes` crashes are told of in it."""
    (node,) = verify.nodes(folder)
    verdict = verify.verify(folder, node)
    assert [str(fault) for fault in verdict.faults] == []
    assert len(verdict.notes) == n_notes, verdict.notes
    assert n_lines in (None, verdict.head.n_lines)
    return verdict


def check_broken(folder: Path, *messages: str, expected: Head | None = None) -> None:
    """Each of the messages is said of the trail."""
    faults = [str(fault) for fault in verify.verify(folder, NODE, expected).faults]
    assert faults
    for message in messages:
        assert any(message in fault for fault in faults), faults


def written(folder: Path, n: int = 12, **options: object) -> Chain:
    """A closed chain of `n` entries of our own, besides the lines that open its files."""
    chain = Chain(folder, node=NODE, **options)  # type: ignore[arg-type]
    for i in range(n):
        chain.append([{"time": chains.now(), "kind": "test", "i": i}])
    chain.close()
    return chain


def kinds(folder: Path) -> list[str]:
    (node,) = verify.nodes(folder)
    return [str(line.fields["kind"]) for line in verify.lines(folder, node)]


def sent(audit: Audit, **changed: str) -> Sent:
    told = {"model": "qwen", "path": "src/pay.py", "role": "developer", **changed}
    return Sent(
        entries.RequestId(secrets.token_hex(8)), "completion", "instant",
        entries.name(told["role"]), entries.name(told["model"]),
        entries.origin("https://ada:secret@gpu.internal:8000/v1?x=1"), audit.workspace_id("file:///work"),
        entries.path(told["path"]), audit.digest(CODE), len(CODE),
    )  # fmt: skip


def ended(audit: Audit, request: Sent) -> Ended:
    return Ended(request.request_id, "answered", entries.Word(""), audit.digest("x"), 1, 120, 7, 310)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


@pytest.fixture
def opened(folder: Path) -> Iterator[Callable[..., Audit]]:
    """Opens audits that are closed at the end."""
    audits: list[Audit] = []

    def opener(**options: object) -> Audit:
        told = options.pop("on_change", lambda state, reason: None)
        queued = int(str(options.pop("max_queued", 100)))
        audit = Audit(AuditOptions(**{"folder": folder, **options}), "ada", told, max_queued=queued, retry_s=0.01)  # type: ignore[arg-type]
        audits.append(audit)
        return audit

    yield opener
    for audit in audits:
        audit.close()


def told_of(folder: Path, *arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and output of `instant-lsp audit ...`."""
    capsys.readouterr()
    code = main(["audit", *arguments, "--folder", str(folder)])
    return code, capsys.readouterr().out


# What it says


def test_a_request_is_told_with_what_became_of_it(
    opened: Callable[..., Audit], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit = opened(paths="plain")
    request = sent(audit)
    audit.record(request)
    audit.record(ended(audit, request))
    audit.record(Judged(request.request_id, "accepted", 12))
    assert audit.flush()
    check_whole(folder, n_lines=5)
    code, out = told_of(folder, "export", "--json", capsys=capsys)
    (row,) = [json.loads(line) for line in out.splitlines()]
    told = {name: row[name] for name in ("user", "feature", "tier", "role", "model", "endpoint", "path", "outcome")}
    assert told == {
        "user": "ada", "feature": "completion", "tier": "instant", "role": "developer", "model": "qwen",
        "endpoint": "https://gpu.internal:8000", "path": "src/pay.py", "outcome": "answered",
    }  # fmt: skip
    assert (row["prompt_tokens"], row["completion_tokens"], row["acceptance"]) == (120, 7, "accepted")
    assert row["prompt"] == audit.digest(CODE) != audit.digest(CODE + " ")
    assert row["time"].endswith("Z")
    assert code == 0


def test_what_was_refused_is_told(
    opened: Callable[..., Audit], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit = opened()
    audit.record(
        Refused("explain", "thinking", entries.name("guest"), entries.Word(""), TrailPath(""), entries.Word("role"))
    )
    assert audit.flush()
    _, out = told_of(folder, "export", "--json", capsys=capsys)
    row = json.loads(out)
    assert (row["outcome"], row["reason"], row["role"]) == ("refused", "role", "guest")


def test_a_path_is_hashed_unless_it_may_be_told(opened: Callable[..., Audit], folder: Path) -> None:
    audit = opened()
    for path in ("src/pay.py", "src/pay.py", "src/other.py"):
        audit.record(sent(audit, path=path))
    assert audit.flush()
    (node,) = verify.nodes(folder)
    paths = [line.fields["path"] for line in verify.lines(folder, node) if line.fields["kind"] == "sent"]
    assert paths[0] == paths[1] != paths[2]
    assert not any("pay" in path for path in paths)


def test_digests_hold_over_restarts_and_say_nothing_to_others(
    opened: Callable[..., Audit], folder: Path, tmp_path: Path
) -> None:
    one = opened().digest(CODE)
    assert one == opened().digest(CODE) != opened(folder=tmp_path / "of another user").digest(CODE)


def test_rows_are_chosen_by_time_user_and_feature(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chain = Chain(folder, node=NODE)
    for n, (user, feature) in enumerate([("ada", "completion"), ("ada", "explain"), ("bob", "completion")]):
        at = f"2026-11-2{n}T12:00:00.000Z"
        chain.append([{"time": at, "kind": "sent", "user": user, "request_id": str(n), "feature": feature}])
    chain.close()

    def ids(*filters: str) -> list[str]:
        _, out = told_of(folder, "show", "--json", *filters, capsys=capsys)
        return [json.loads(line)["request_id"] for line in out.splitlines()]

    assert ids() == ["0", "1", "2"]
    assert ids("--user", "ada") == ["0", "1"]
    assert ids("--feature", "completion") == ["0", "2"]
    assert ids("--since", "2026-11-21") == ["1", "2"]
    assert ids("--since", "2026-11-20T13:00", "--until", "2026-11-22T12:00") == ["1"]
    _, out = told_of(folder, "export", "--user", "bob", capsys=capsys)
    assert len(out.splitlines()) == 2
    assert "explain" in told_of(folder, "show", capsys=capsys)[1]


def test_nobody_else_may_read_it(opened: Callable[..., Audit], folder: Path) -> None:
    audit = opened()
    assert audit.flush()
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


# What it cannot say


def test_no_field_is_of_a_type_that_takes_any_text() -> None:
    for kind in Entry.__subclasses__():
        for field in fields(kind):
            declared = str(field.type).removesuffix(" | None")
            assert declared in {
                *("int", "Digest", "RequestId", "Word", "Name", "Path"),
                *("Feature", "Tier", "Outcome", "Acceptance"),
            }, f"{kind.__name__}.{field.name}"


@given(st.one_of(st.just(CODE), st.text(min_size=1).map(lambda text: f"{text}\n{text}"), st.text().map("'{}'".format)))
def test_text_of_a_file_is_refused_in_every_field(text: str) -> None:
    right = {
        "int": 1, "Digest": "0" * 64, "RequestId": "0" * 16, "Word": "a", "Name": "a", "Path": "a", "Tier": "instant",
        "Feature": "completion", "Outcome": "answered", "Acceptance": "accepted",
    }  # fmt: skip
    for kind in Entry.__subclasses__():
        values = {field.name: right[str(field.type).removesuffix(" | None")] for field in fields(kind)}
        kind(**values)  # type: ignore[arg-type]
        for name in values:
            with pytest.raises(EntryError) as caught:
                kind(**{**values, name: text})  # type: ignore[arg-type]
            assert text.strip("\n'") not in str(caught.value) or len(text) < 12


@given(st.text(max_size=300))
def test_names_and_paths_are_made_to_fit(text: str) -> None:
    entries.Started(entries.name(text), 1)
    Refused("fix", "instant", entries.name(text), entries.Word(""), entries.path(text), entries.Word(""))
    assert "\n" not in entries.origin(f"http://{text.replace('[', '').replace(']', '')}/")


# Whether somebody had a hand in it


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three files and some."""
    folder = tmp_path_factory.mktemp("trail")
    written(folder, 14, max_file_bytes=900)
    assert len(list(folder.glob("*.jsonl"))) >= 3
    check_whole(folder)
    return folder


Hand = Callable[[Path, st.DataObject], None]


def _file(folder: Path, data: st.DataObject) -> Path:
    return data.draw(st.sampled_from(sorted(folder.glob("*.jsonl"))))


def flip(folder: Path, data: st.DataObject) -> None:
    path = _file(folder, data)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)


def cut_lines(folder: Path, data: st.DataObject) -> None:
    path = _file(folder, data)
    lines = path.read_bytes().splitlines(keepends=True)
    start = data.draw(st.integers(0, len(lines) - 1))
    del lines[start : start + data.draw(st.integers(1, 3))]
    path.write_bytes(b"".join(lines))


def swap_lines(folder: Path, data: st.DataObject) -> None:
    path = _file(folder, data)
    lines = path.read_bytes().splitlines(keepends=True)
    one, two = data.draw(st.lists(st.integers(0, len(lines) - 1), min_size=2, max_size=2, unique=True))
    lines[one], lines[two] = lines[two], lines[one]
    path.write_bytes(b"".join(lines))


def repeat_line(folder: Path, data: st.DataObject) -> None:
    path = _file(folder, data)
    lines = path.read_bytes().splitlines(keepends=True)
    lines.insert(data.draw(st.integers(0, len(lines))), data.draw(st.sampled_from(lines)))
    path.write_bytes(b"".join(lines))


def forge_line(folder: Path, data: st.DataObject) -> None:
    """A line with a right hash, put in its place or taking another's."""
    path = _file(folder, data)
    lines = path.read_bytes().splitlines(keepends=True)
    at = data.draw(st.integers(1, len(lines) - 1))
    before = chains.read_line(lines[at - 1].rstrip())
    assert before is not None
    forged, _ = chains.linked({"kind": "test", "i": 99}, Head(before.number, before.hash))
    lines[at : at + data.draw(st.integers(0, 1))] = [forged]
    path.write_bytes(b"".join(lines))


def cut_bytes(folder: Path, data: st.DataObject) -> None:
    path = _file(folder, data)
    content = path.read_bytes()
    path.write_bytes(content[: -data.draw(st.integers(1, len(content)))])


def remove_file(folder: Path, data: st.DataObject) -> None:
    _file(folder, data).unlink()


def swap_files(folder: Path, data: st.DataObject) -> None:
    one, two = data.draw(st.permutations(sorted(folder.glob("*.jsonl"))))[:2]
    one_content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(one_content)


def remove_head(folder: Path, _: st.DataObject) -> None:
    (folder / f"{NODE}.head").unlink()


@pytest.mark.parametrize(
    "hand",
    [flip, cut_lines, swap_lines, repeat_line, forge_line, cut_bytes, remove_file, swap_files, remove_head],
    ids=lambda hand: hand.__name__,
)
@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_hand_in_it_is_seen(hand: Hand, trail: Path, tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / "copy"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(trail, folder)
    hand(folder, data)
    check_broken(folder)


@pytest.mark.parametrize(
    ("hand", "message"),
    [
        (lambda lines: lines[:4] + lines[5:], "desk-000001.jsonl, line 5: 1 line before it is missing"),
        (lambda lines: [*lines[:4], lines[4].replace(b'"i":3', b'"i":7'), *lines[5:]], "line 5: the line was changed"),
        (lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]], "line 6: the line stands at a wrong place"),
        (lambda lines: lines[:-2], "desk.head: 2 lines at the end are missing, by the head"),
        (lambda lines: lines[1:], "line 1: the file's first line is missing"),
    ],
)
def test_it_is_said_where(folder: Path, hand: Callable[[list[bytes]], list[bytes]], message: str) -> None:
    written(folder)
    path = folder / f"{NODE}-000001.jsonl"
    path.write_bytes(b"".join(hand(path.read_bytes().splitlines(keepends=True))))
    check_broken(folder, message)


def test_the_command_says_where_and_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told_of(folder, "verify", capsys=capsys)[0] == 2
    written(folder)
    code, out = told_of(folder, "verify", capsys=capsys)
    assert code == 0
    assert out.startswith("desk: 13 lines in 1 files, whole")
    path = folder / f"{NODE}-000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"i":3', b'"i":7'))
    code, out = told_of(folder, "verify", capsys=capsys)
    assert code == 1
    assert "desk-000001.jsonl, line 5: the line was changed" in out
    code, out = told_of(folder, "verify", "--json", capsys=capsys)
    assert code == 1
    assert json.loads(out)["faults"] == [{"file": path.name, "line": 5, "message": "the line was changed"}]


def test_a_server_that_goes_on_covers_nothing_up(folder: Path) -> None:
    written(folder)
    path = folder / f"{NODE}-000001.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-3]))
    written(folder, 1)
    check_broken(folder, "3 lines before it are missing")


def test_a_trail_that_was_taken_away_whole_is_missed(folder: Path) -> None:
    written(folder)
    (folder / f"{NODE}-000001.jsonl").unlink()
    check_broken(folder, "13 lines at the end are missing")
    written(folder, 1)
    check_broken(folder, "13 lines before it are missing")


def test_a_chain_made_anew_is_seen_by_a_head_noted_elsewhere_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What no file in the same folder can prove; SECURITY.md has to say so."""
    written(folder)
    noted = told_of(folder, "verify", capsys=capsys)[1].split("head ")[1].strip()
    assert told_of(folder, "verify", "--expect", noted, capsys=capsys)[0] == 0
    shutil.rmtree(folder)
    written(folder)
    assert told_of(folder, "verify", capsys=capsys)[0] == 0
    assert told_of(folder, "verify", "--expect", noted, capsys=capsys)[0] == 1
    shutil.rmtree(folder)
    written(folder, 3)
    code, out = told_of(folder, "verify", "--expect", noted, capsys=capsys)
    assert code == 1
    assert "9 lines at the end are missing, by the expected head" in out


# Files


def test_the_next_file_goes_on_where_the_last_one_ended(folder: Path) -> None:
    written(folder, 14, max_file_bytes=900)
    verdict = check_whole(folder)
    assert verdict.n_files >= 3
    first = [line for line in verify.lines(folder, NODE) if line.fields["kind"] == "opened"]
    assert [line.fields["after"] for line in first][:3] == [None, f"{NODE}-000001.jsonl", f"{NODE}-000002.jsonl"]


def test_a_file_that_is_old_is_followed_by_another(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(folder, 2)
    written(folder, 2)
    assert check_whole(folder).n_files == 1
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 90_000)
    written(folder, 2)
    assert check_whole(folder).n_files == 2


def test_a_clock_that_goes_back_breaks_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(folder, 2)
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now - 900_000)
    monkeypatch.setattr(chains, "now", lambda: "2001-01-01T00:00:00.000Z")
    written(folder, 2)
    assert check_whole(folder, n_lines=5).n_files == 1


@pytest.mark.parametrize("fsync", ["always", "interval", "never"])
def test_after_closing_the_head_knows_every_line(folder: Path, fsync: Fsync) -> None:
    written(folder, 5, fsync=fsync)
    assert chains.read_head(folder, NODE).n_lines == 6
    check_whole(folder, n_lines=6)


WRITER = """
import sys
from pathlib import Path
from lsp_server.ledger.audit import Audit, AuditOptions
from lsp_server.ledger.chain import Chain
folder, me, n = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
chain = Chain(folder, node="desk", max_file_bytes=20_000)
for i in range(n):
    chain.append([{"time": "2026-11-22T00:00:00.000Z", "kind": "test", "me": me, "i": i}] * (i % 3 + 1))
chain.close()
print("done", flush=True)
"""


def writer(folder: Path, name: str, n: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), name, str(n)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_several_servers_write_one_chain(folder: Path) -> None:
    running = [writer(folder, name, 150) for name in "abc"]
    for process in running:
        out, _ = process.communicate()
        assert out.split() == ["ready", "done"]
    verdict = check_whole(folder)
    assert verdict.n_files > 3
    written_by = {name: [] for name in "abc"}
    for line in verify.lines(folder, NODE):
        if line.fields["kind"] == "test":
            written_by[line.fields["me"]].append(line.fields["i"])
    for numbers in written_by.values():
        assert numbers == [i for i in range(150) for _ in range(i % 3 + 1)]


def test_a_server_that_is_killed_leaves_a_chain_that_goes_on(folder: Path) -> None:
    for _ in range(5):
        process = writer(folder, "a", 1_000_000)
        assert process.stdout is not None
        process.stdout.readline()
        before = len(kinds(folder)) if folder.exists() and verify.nodes(folder) else 0
        while not folder.exists() or not verify.nodes(folder) or len(kinds(folder)) < before + 20:
            assert process.poll() is None
        process.kill()
        process.communicate()
    written(folder, 1)
    verdict = verify.verify(folder, NODE)
    assert verdict.faults == []


@pytest.mark.parametrize("n_bytes", [1, 20, 150])
def test_a_torn_line_is_told_from_a_changed_one(folder: Path, n_bytes: int) -> None:
    chain = written(folder, 3)
    line, _ = chains.linked({"time": chains.now(), "kind": "test"}, chains.read_head(folder, NODE))
    path = folder / f"{NODE}-000001.jsonl"
    with path.open("ab") as file:
        file.write(line[:n_bytes])
    check_whole(folder, n_lines=4, n_notes=1)
    chain.append([{"time": chains.now(), "kind": "test"}])
    chain.close()
    check_whole(folder, n_lines=6, n_notes=1)
    assert kinds(folder)[-2:] == ["recovered", "test"]
    path.write_bytes(path.read_bytes().replace(line[:n_bytes] + b"\n", b"{x\n"))
    check_broken(folder, "line 5: this is no line of the trail")


def test_a_last_line_that_was_made_to_look_torn_is_missed(folder: Path) -> None:
    written(folder, 3)
    path = folder / f"{NODE}-000001.jsonl"
    path.write_bytes(path.read_bytes()[:-10])
    check_broken(folder, "1 line at the end is missing, by the head")
    written(folder, 1)
    check_broken(folder, "1 line before it is missing")


# When it cannot be written


FULL = """
import resource, sys
from pathlib import Path
from lsp_server.ledger.chain import Chain, ChainError
chain = Chain(Path(sys.argv[1]), node="desk")
for i in range(3):
    chain.append([{"kind": "test", "i": i}])
resource.setrlimit(resource.RLIMIT_FSIZE, (1_300, resource.RLIM_INFINITY))
for i in range(9):
    try:
        chain.append([{"kind": "test", "i": i}] * 3)
    except ChainError as error:
        print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
chain.append([{"kind": "test", "i": 10}])
chain.close()
"""


def test_where_a_disk_is_full_no_part_of_an_entry_is_left(folder: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", FULL, str(folder)], capture_output=True, text=True, check=True)
    assert "full or the file has reached its limit" in ran.stdout or "File too large" in ran.stdout
    check_whole(folder)
    assert kinds(folder)[-1] == "test"


def make_full(folder: Path) -> None:
    """Every write to the trail's file fails as on a full disk."""
    folder.mkdir(parents=True)
    node = Chain(folder).node
    (folder / f"{node}-000001.jsonl").symlink_to("/dev/full")


def test_a_required_trail_on_a_full_disk_stops_the_sending_until_there_is_room(
    opened: Callable[..., Audit], folder: Path
) -> None:
    make_full(folder)
    told: list[tuple[str, str]] = []
    audit = opened(required=True, on_change=lambda state, reason: told.append((state, reason)))
    assert not audit.flush(0.5)
    assert audit.state == "broken"
    with pytest.raises(AuditError, match=r"Nothing is sent.*No space left on device"):
        audit.record(sent(audit))
    next(folder.glob("*.jsonl")).unlink()
    assert audit.flush()
    audit.record(sent(audit))
    assert audit.flush()
    check_whole(folder, n_lines=3)
    assert kinds(folder) == ["opened", "started", "sent"]
    assert [state for state, _ in told] == ["broken", "working"]


def test_a_trail_that_is_not_required_warns_once_and_catches_up(opened: Callable[..., Audit], folder: Path) -> None:
    make_full(folder)
    told: list[str] = []
    audit = opened(on_change=lambda state, reason: told.append(state), max_queued=8)
    audit.flush(0.2)
    for _ in range(20):
        audit.record(sent(audit))
    assert audit.state == "broken"
    next(folder.glob("*.jsonl")).unlink()
    assert audit.flush()
    check_whole(folder)
    n_lost = sum(
        line.fields["n_entries"] for line in verify.lines(folder, Chain(folder).node) if line.fields["kind"] == "lost"
    )
    assert n_lost > 0
    assert n_lost + kinds(folder).count("sent") == 20
    assert told == ["broken", "working"]


def test_where_no_folder_can_be_made_it_is_said(opened: Callable[..., Audit], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    audit = opened(folder=tmp_path / "file" / "audit", required=True)
    assert not audit.flush(0.3)
    assert "Not a directory" in audit.reason or "File exists" in audit.reason
    with pytest.raises(AuditError):
        audit.require()


def test_nothing_is_sent_before_a_required_trail_has_been_seen_to_work(
    opened: Callable[..., Audit], folder: Path
) -> None:
    folder.mkdir(parents=True)
    with FileLock(folder / f"{Chain(folder).node}.lock"):
        audit = opened(required=True)
        with pytest.raises(AuditError, match="being opened"):
            audit.record(sent(audit))
    assert audit.flush()
    audit.record(sent(audit))


def test_a_required_trail_that_is_closed_lets_nothing_pass(opened: Callable[..., Audit]) -> None:
    """Who still asks with the settings from before must not send what nobody would write down."""
    audit = opened(required=True)
    assert audit.flush()
    entry = sent(audit)
    audit.record(entry)
    audit.close()
    with pytest.raises(AuditError, match="being closed"):
        audit.record(entry)


def test_recording_waits_for_no_disk(opened: Callable[..., Audit], folder: Path) -> None:
    """While another process holds the trail all of this is taken at once, and written when it lets go."""
    audit = opened()
    assert audit.flush()
    with FileLock(folder / f"{Chain(folder).node}.lock"):
        for _ in range(60):
            audit.record(sent(audit))
        assert kinds(folder) == ["opened", "started"]
    assert audit.flush()
    assert kinds(folder).count("sent") == 60


def test_what_is_queued_is_written_when_it_is_closed(folder: Path) -> None:
    audit = Audit(AuditOptions(folder), "ada")
    for _ in range(300):
        audit.record(sent(audit))
    audit.close()
    assert kinds(folder).count("sent") == 300
    check_whole(folder)


def test_a_chain_that_cannot_be_written_tells_no_more_than_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ChainError, match="cannot be written") as caught:
        Chain(tmp_path / "file" / "x").append([{"kind": "test", "text": "secret"}])
    assert "secret" not in str(caught.value)
