"""The model's side of the house: where it is served, what it can do, and the one guarded way to it.

This package is light to import. `client`, `probe` and `guard` bring the HTTP client (0.1 s of CPU), so
import them where an endpoint is first needed, not where the server starts:

    from lsp_server.endpoint.client import Endpoint
    from lsp_server.endpoint.guard import open_client
"""

from lsp_server.endpoint.address import Address, Resolve
from lsp_server.endpoint.status import EndpointError, ErrorKind, Status

__all__ = ["Address", "EndpointError", "ErrorKind", "Resolve", "Status"]
