"""Knowledge from elsewhere: the face of what the servers that the user has configured know of the names at a place."""

from lsp_server.knowledge.sources import Knowledge

__all__ = ["Knowledge"]
