"""A shorter start: owns the compiled code of methods that are written as text, kept from start to start.

attrs writes the methods of lsprotocol's 569 classes as text and compiles them at each import, which is about half of
what the import costs; dataclasses do the same for a hundred more. Code is found by a hash of the very text it was
compiled from, so what has changed is compiled anew, and what is not needed any more goes. Without a file that is the
user's own and whole, nothing is different.
"""

from __future__ import annotations

import dataclasses
import hashlib
import marshal
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import attr._make
from platformdirs import user_cache_path

_DIGEST_BYTES = 32
_Codes = dict[bytes, CodeType]


def kept_path() -> Path:
    """Where code is kept, apart for each Python: it cannot read another one's."""
    name = f"compiled-{sys.implementation.cache_tag}-{MAGIC_NUMBER.hex()}.code"
    return user_cache_path("instant-lsp", appauthor=False) / name


@contextmanager
def kept_code(path: Path) -> Iterator[None]:
    """Within, attrs and dataclasses compile only what is not kept in `path`; what they needed is kept afterwards."""
    kept = _read(path)
    used: _Codes = {}

    def code(text: str, filename: str, mode: str, flags: int) -> Any:
        key = hashlib.blake2b(f"{flags} {text}".encode(), digest_size=16).digest()
        if key not in used:
            used[key] = kept.get(key) or compile(text, filename, mode, flags, dont_inherit=True)
        return used[key]

    def compiled(text: str, filename: str, mode: str) -> Any:
        return code(text, filename, mode, _flags(attr._make))

    def executed(source: Any, *places: Any, **named: Any) -> None:
        if isinstance(source, str):
            source = code(source, "<string>", "exec", _flags(dataclasses))
        exec(source, *places, **named)  # noqa: S102  what dataclasses would have done

    # In place of the builtins, for those modules alone; nothing else is imported meanwhile.
    vars(attr._make)["compile"] = compiled
    vars(dataclasses)["exec"] = executed
    try:
        yield
    finally:
        del vars(attr._make)["compile"], vars(dataclasses)["exec"]
    if used.keys() != kept.keys():
        with suppress(OSError):
            _write(path, used)


def _flags(module: ModuleType) -> int:
    """What the builtin would have taken over from the module that calls it: how annotations are read."""
    flag: int = getattr(vars(module).get("annotations"), "compiler_flag", 0)
    return flag


def _read(path: Path) -> _Codes:
    """What is kept; nothing where the file is not whole, or others could have written it."""
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            if hasattr(os, "getuid") and (state.st_uid != os.getuid() or state.st_mode & 0o022):
                return {}
            content = file.read()
    except OSError:
        return {}
    digest, codes = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    if hashlib.blake2b(codes, digest_size=_DIGEST_BYTES).digest() != digest:
        return {}
    loaded: _Codes = marshal.loads(codes)  # noqa: S302  our own, as much as the __pycache__ folders are
    return loaded


def _write(path: Path, codes: _Codes) -> None:
    """In one piece, for the user alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = marshal.dumps(codes)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        file.write(hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest() + content)
    unfinished.replace(path)
