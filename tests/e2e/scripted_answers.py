"""A scripted endpoint as a process, whose answers go by what they are asked with.

Its argument is a JSON file with `port`, `model`, `answers` (a part of the question, which is a chat's last message or a
completion's prompt, and the answer to it; the first one that fits), `first_token_ms`, and maybe `slow` (such a part,
and the milliseconds that its answer takes instead) and `in_turn` (the same, which lie between its first line and the
rest). Every answer given is noted in the file beside it, by its part.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from scripted_endpoint import Reply, Request, ScriptedEndpoint


async def serve(script: dict[str, Any], given: Path) -> None:
    """Answers until it is ended from outside."""

    def answering(request: Request) -> Reply:
        messages = request.body.get("messages")
        said = messages[-1]["content"] if messages else str(request.body.get("prompt", ""))
        part, answer = next(((part, answer) for part, answer in script["answers"].items() if part in said), ("", ""))
        with given.open("a", encoding="utf-8") as file:
            file.write(f"{part}\n")
        first_ms = script.get("slow", {}).get(part, script["first_token_ms"])
        if (between_ms := script.get("in_turn", {}).get(part)) is None:
            return Reply((answer,), first_token_ms=first_ms)
        line, line_break, rest = answer.partition("\n")
        return Reply((line + line_break, rest), first_token_ms=first_ms, token_ms=between_ms)

    endpoint = ScriptedEndpoint(model=script["model"], port=script["port"])
    endpoint.answering = answering
    async with endpoint:
        await asyncio.Event().wait()


if __name__ == "__main__":
    place = Path(sys.argv[1])
    asyncio.run(serve(json.loads(place.read_text(encoding="utf-8")), place.with_suffix(".given")))
