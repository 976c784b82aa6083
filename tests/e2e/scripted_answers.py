"""A scripted endpoint as a process, whose chats are answered by what their last message holds.

Its argument is a JSON file with `port`, `model`, `answers` (a part of the message, and the answer to it; the first one
that fits) and `first_token_ms`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from scripted_endpoint import Reply, Request, ScriptedEndpoint


async def serve(script: dict[str, Any]) -> None:
    """Answers until it is ended from outside."""

    def answering(request: Request) -> Reply:
        messages = request.body.get("messages")
        said = messages[-1]["content"] if messages else ""
        answer = next((answer for part, answer in script["answers"].items() if part in said), "")
        return Reply((answer,), first_token_ms=script["first_token_ms"])

    endpoint = ScriptedEndpoint(model=script["model"], port=script["port"])
    endpoint.answering = answering
    async with endpoint:
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
