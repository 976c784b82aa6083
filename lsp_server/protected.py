"""Whether a file can be believed to be the administrator's: owns that question and reading such a file; no format."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

MAX_BYTES = 1 << 20

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_ADMINISTRATORS = ("S-1-5-32-544", "S-1-5-18", "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464")
"""Windows' own names of the administrators, the system, and the installer of the system."""


class UnprotectedError(Exception):
    """Somebody else than an administrator may have written the file; the message says who or how."""


def read_protected(path: Path, owner: int = 0) -> str:
    """The text of a file that nobody but root and `owner` can have written; raises UnprotectedError and OSError.

    What is checked is the very file that is read, and every folder above it: who may rename in one of them could put
    another file there.
    """
    # Not blocking, since a pipe in its place would keep the server waiting.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise UnprotectedError("it is no file")
        if sys.platform == "win32":
            _check_windows(path)
        else:
            _check(path, found, owner)
            for folder in path.resolve().parents:
                _check(folder, folder.stat(), owner)
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise UnprotectedError("it is too large to be a policy")
    return raw.decode("utf-8")


def _check(path: Path, found: os.stat_result, owner: int) -> None:
    if found.st_uid not in (0, owner):
        raise UnprotectedError(f"{path} does not belong to root")
    # In a sticky folder, such as /tmp, others may put files but not replace this one.
    is_sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if found.st_mode & _OTHERS_MAY_WRITE and not is_sticky:
        raise UnprotectedError(f"{path} can be written by others than its owner: chmod go-w")


def _check_windows(path: Path) -> None:
    """The owner alone: in ProgramData nobody but the owner and the administrators may write a file that is there."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415
        from ctypes import wintypes  # noqa: PLC0415

        file_object, owner_information = 1, 1
        sid, descriptor, text = ctypes.c_void_p(), ctypes.c_void_p(), wintypes.LPWSTR()
        advapi, kernel = ctypes.WinDLL("advapi32"), ctypes.WinDLL("kernel32")
        failed = advapi.GetNamedSecurityInfoW(
            str(path), file_object, owner_information, ctypes.byref(sid), None, None, None, ctypes.byref(descriptor)
        )
        if failed or not advapi.ConvertSidToStringSidW(sid, ctypes.byref(text)):
            raise UnprotectedError("its owner cannot be found out")
        name = text.value
        kernel.LocalFree(ctypes.cast(text, ctypes.c_void_p))
        kernel.LocalFree(descriptor)
        if name not in _ADMINISTRATORS:
            raise UnprotectedError(f"{path} does not belong to the administrators")
