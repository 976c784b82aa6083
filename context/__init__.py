"""What the model is shown: pure of LSP, HTTP and event loops."""

from context.document import Edit, Snapshot
from context.window import Budget, ContextWindow, Snippet, build_window

__all__ = ["Budget", "ContextWindow", "Edit", "Snapshot", "Snippet", "build_window"]
