"""Checks of the model itself: owns the questions it is asked and the targets its times are held against."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

from context.tokens import n_tokens
from context.window import ContextWindow
from lsp_server.doctor.finding import Finding, split
from lsp_server.endpoint.client import Capabilities
from lsp_server.endpoint.purpose import Purpose
from lsp_server.endpoint.status import EndpointError
from lsp_server.session import Session

FIRST_TOKEN_MS = 2_000
TOKEN_MS = 10
"""Of one token on a GPU; 2 to 10 are usual."""

_PROMPT_TOKENS = 1_000
_ANSWER_TOKENS = 32
_CACHED_SHARE = 0.5
_ROOM = "Look at the load of the GPU, or choose a smaller model."


async def findings(session: Session) -> AsyncIterator[Finding]:
    """The models that both tiers serve, how the instant one completes, and how fast."""
    endpoint = session.endpoint
    await endpoint.prepare()
    able = endpoint.capabilities
    if able is None:
        yield Finding("instant", "models", "failed", *split(endpoint.status.message))
    else:
        yield _models("instant", able)
        yield _fim(able)
        if "completion" in session.checkpoint.features:
            async for finding in _completion(session, able):
                yield finding
        else:
            yield Finding("instant", "completion", "skipped", "Completions are not offered to your role.")
    if session.thinking is not None:
        await session.thinking.prepare()
        thinking = session.thinking.capabilities
        if thinking is None:
            yield Finding("thinking", "models", "failed", *split(session.thinking.status.message))
        else:
            yield _models("thinking", thinking)


def _models(tier: str, able: Capabilities) -> Finding:
    served = ", ".join(able.models[:8])
    size = f", {able.n_context} tokens of context" if able.n_context else ""
    return Finding(tier, "models", "ok", f"{able.model} is asked ({able.flavour}{size}); served: {served}.")


def _fim(able: Capabilities) -> Finding:
    if able.fim_format is not None:
        return Finding(
            "instant", "fill in the middle", "ok", f"The model fills holes, with {able.fim_format.name}'s tokens."
        )
    return Finding(
        "instant",
        "fill in the middle",
        "warning",
        "The model knows no fill-in-the-middle tokens; completions are asked for by chat, which is slower and poorer.",
        "Serve a model with such tokens, as Qwen2.5-Coder or StarCoder2.",
    )


async def _completion(session: Session, able: Capabilities) -> AsyncIterator[Finding]:
    """A prompt is read ahead, as when a file is opened; then a longer one is completed, as when one types."""
    endpoint, budget = session.endpoint, min(_PROMPT_TOKENS, int(session.limits().budget.estimated))
    before, after = _code(budget)
    await endpoint.warm(ContextWindow("doctor.py", "python", before, after))
    window = ContextWindow("doctor.py", "python", f"{before}    first = ", after)
    try:
        async with endpoint.complete(window, max_tokens=_ANSWER_TOKENS, purpose=Purpose("probe")) as answer:
            n_pieces = len([piece async for piece in answer])
    except EndpointError as error:
        yield Finding("instant", "completion", "failed", *split(str(error)))
        return
    times = answer.timings
    n = times.completion_tokens or n_pieces
    if times.first_token_ms is None or not n_pieces:
        yield Finding(
            "instant", "completion", "failed", "The model has completed nothing.", "Check which model is served."
        )
        return
    yield _first_token(session, times.first_token_ms, times.prompt_tokens or round(n_tokens(window.prefix)))
    if n > 1 and times.total_ms is not None:
        yield _per_token((times.total_ms - times.first_token_ms) / (n - 1), n)
    yield _cache(times.prompt_tokens, times.cached_tokens)


def _first_token(session: Session, first_ms: float, n_prompt: int) -> Finding:
    found = f"The first token came after {first_ms:.0f} ms, for {n_prompt} prompt tokens (target {FIRST_TOKEN_MS} ms)."
    if first_ms <= FIRST_TOKEN_MS:
        return Finding("instant", "completion", "ok", found)
    return Finding("instant", "completion", "warning" if session.is_local else "failed", found, _ROOM)


def _per_token(token_ms: float, n: int) -> Finding:
    found = f"{n} tokens came at {token_ms:.1f} ms each (2 to {TOKEN_MS} ms on a GPU)."
    if token_ms <= TOKEN_MS:
        return Finding("instant", "speed", "ok", found)
    return Finding(
        "instant", "speed", "warning", found, f"On a processor that is as expected; else: {_ROOM[0].lower()}{_ROOM[1:]}"
    )


def _cache(n_prompt: int | None, n_cached: int | None) -> Finding:
    check = "prefix cache"
    if not n_prompt or n_cached is None:
        return Finding("instant", check, "warning", "The endpoint does not say what it had read before.")
    found = f"{n_cached} of {n_prompt} prompt tokens had been read before."
    if n_cached >= _CACHED_SHARE * n_prompt:
        return Finding("instant", check, "ok", found)
    todo = "Turn on prefix caching (vLLM: --enable-prefix-caching), and keep each editor with one replica."
    return Finding("instant", check, "warning", found, todo)


def _code(budget: int) -> tuple[str, str]:
    """Made-up code of about so many tokens, unlike any that was sent before; nothing of a user's file."""
    lines = [f"# {secrets.token_hex(4)}\n"]
    while n_tokens("".join(lines)) < budget:
        n = len(lines)
        lines.append(f"def area_{n}(width: int, height: int) -> int:\n    return width * height + {n}\n\n\n")
    return "".join([*lines, "def first_areas(count: int) -> list[int]:\n"]), "\n    return [first]\n"
