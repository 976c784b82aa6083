"""The language server: LSP on one side, a model's endpoint on the other."""

__version__ = "0.1.0"
