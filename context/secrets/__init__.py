"""What must never be sent: the face of the files refused by name and of the values redacted in other texts.

The redaction is imported when it is first asked for: compiling its expressions is nothing the server's
start should wait for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from context.secrets.files import is_refused

if TYPE_CHECKING:
    from context.secrets.redact import Redacted, RedactedWindow, Redactor, Restoring, blanked, restore

__all__ = ["Redacted", "RedactedWindow", "Redactor", "Restoring", "blanked", "is_refused", "restore"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    from context.secrets import redact  # noqa: PLC0415

    return getattr(redact, name)
