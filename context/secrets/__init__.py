"""What must never be sent: files that are refused by name, and in `redact` the values taken out of other texts.

Importing `redact` compiles its expressions, which the server's start need not wait for.
"""

from context.secrets.files import is_refused

__all__ = ["is_refused"]
