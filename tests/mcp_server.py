"""A company's knowledge as an MCP server, by the official SDK: `python tests/mcp_server.py [FAULT] [--log FILE]`.

FAULT: slow (never answers a search), dies (at the first search), huge, fails, nothing, garbage (no MCP at all).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

FACT = "Every ledger_entry is posted twice: see the accounting handbook, chapter 4."
RULE = "Amounts are integers of cents."
SECRET = "AKIAIOSFODNN7" + "QRSTUVW"


def serve(fault: str, log: Path | None, port: int) -> None:
    from mcp.server import MCPServer

    server = MCPServer("company")

    @server.tool()
    async def search(query: str) -> str:
        """Searches the handbook."""
        if log is not None:
            with log.open("a", encoding="utf-8") as file:
                file.write(f"{query}\n{os.getcwd()}\n{sorted(os.environ)}\n")
        match fault:
            case "slow":
                await asyncio.sleep(3600)
            case "dies":
                os._exit(1)
            case "huge":
                return f"{FACT}\n" * 50_000
            case "fails":
                raise ValueError(query)
            case "nothing":
                return ""
            case "secret":
                return f'aws_access_key_id = "{SECRET}"\n{FACT}'
        return f"{FACT}\nasked: {query}"

    @server.resource("handbook://rules")
    def rules() -> str:
        """Rules of the house."""
        return RULE

    if port:
        server.run("streamable-http", host="127.0.0.1", port=port)
    else:
        server.run("stdio")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("fault", nargs="?", default="")
    parser.add_argument("--log", type=Path)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    if given.fault == "garbage":
        print("this is no MCP\n" * 100, flush=True)
        sys.stdin.read()
    else:
        serve(given.fault, given.log, given.port)


if __name__ == "__main__":
    main()
