"""What must never be sent: the face of the files that are refused by name and of the values that are redacted."""

from context.secrets.files import is_refused
from context.secrets.redact import Redacted, RedactedWindow, Redactor, Restoring, restore

__all__ = ["Redacted", "RedactedWindow", "Redactor", "Restoring", "is_refused", "restore"]
