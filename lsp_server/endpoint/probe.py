"""What an endpoint can do: owns the questions that find it out, and Capabilities; keeps nothing.

A model's name proves nothing: gateways and operators give aliases. So the tokens are shown to the
endpoint's own tokenizer (llama.cpp and vLLM have one at the server's root), a name is only a hint where
there is none, and in either case the model has to fill one small hole before it is believed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Literal

from context.window import ContextWindow
from lsp_server.endpoint import faults, fim, wire
from lsp_server.endpoint.address import Address
from lsp_server.endpoint.answer import Deadlines, Timings, answering
from lsp_server.endpoint.guard import GuardedClient
from lsp_server.endpoint.status import EndpointError
from lsp_server.options import TierSettings

Flavour = Literal["llama.cpp", "vllm", "other"]

# Answerable only by who reads the text after the hole.
_HOLE = ContextWindow(path="hole.py", language="python", prefix="def multiply(", suffix="):\n    return left * right\n")
_FILLED = re.compile(r"\s*left\b[^\n]*\bright\b")
_HOLE_MAX_TOKENS = 12


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a tier's endpoint does. `fim_format` is set exactly when `mode` is fim.

    `prefill_tokens_per_s` is how fast prompts are read: the endpoint's own figure where it gives one,
    else a lower bound from a short prompt's first token, network and all.
    """

    mode: Literal["fim", "chat"]
    model: str
    models: tuple[str, ...]
    flavour: Flavour = "other"
    fim_format: fim.FimFormat | None = None
    n_context: int | None = None
    prefill_tokens_per_s: float | None = None


async def probe(client: GuardedClient, address: Address, tier: TierSettings) -> Capabilities:
    """Asks the endpoint; what the settings say is taken for granted. Raises EndpointError."""
    wire.check(address)
    entries = _entries(address, await wire.get_json(client, address, "/models"))
    entry = _chosen(address, entries)
    able = Capabilities("chat", str(entry["id"]), tuple(entries), _flavour(entry), n_context=_n_context(entry))
    if tier.mode == "chat":
        return able
    if tier.fim_format != "auto":
        return replace(able, mode="fim", fim_format=fim.FORMATS[tier.fim_format])
    flavour, candidates = await _candidates(client, address, able)
    able = replace(able, flavour=flavour)
    for form in candidates:
        timings = await _fill_hole(client, address, able, form, tier)
        if timings is not None:
            return replace(able, mode="fim", fim_format=form, prefill_tokens_per_s=prefill_tokens_per_s(timings))
    if tier.mode == "fim":
        raise EndpointError(
            "bad_answer",
            f"{able.model} fills no hole with any known fill-in-the-middle tokens: set fim_format, or mode chat.",
        )
    return able


def prefill_tokens_per_s(timings: Timings) -> float | None:
    """Prompt tokens read per second, by what an answer's timings say."""
    elapsed_ms = timings.prompt_ms or timings.first_token_ms
    if timings.prompt_tokens is None or not elapsed_ms:
        return None
    n_read = timings.prompt_tokens - (timings.cached_tokens or 0)
    return n_read * 1000 / elapsed_ms if n_read > 0 else None


def completion_body(
    able: Capabilities, form: fim.FimFormat, window: ContextWindow, *, max_tokens: int, stop: tuple[str, ...]
) -> dict[str, Any]:
    """The request for one fill-in-the-middle completion."""
    body = {
        "model": able.model,
        "prompt": fim.render(form, window),
        "max_tokens": max_tokens,
        "temperature": 0,
        "stream": True,
        "stop": fim.stops(form, stop),
        **usage_options(able.flavour),
    }
    # vLLM hides special tokens, and a model that ran past the hole would seem to go on with it.
    return {**body, "skip_special_tokens": False} if able.flavour == "vllm" else body


def usage_options(flavour: Flavour) -> dict[str, Any]:
    """Fields that make the endpoint say what an answer cost; an endpoint of another kind may refuse them."""
    if flavour == "other":
        return {}
    options: dict[str, Any] = {"stream_options": {"include_usage": True}}
    # With each token, so that an answer left early still tells what the prefix cache did.
    return {**options, "timings_per_token": True} if flavour == "llama.cpp" else options


async def _candidates(
    client: GuardedClient, address: Address, able: Capabilities
) -> tuple[Flavour, list[fim.FimFormat]]:
    """Formats worth a try: those the tokenizer knows, else those the name hints at."""
    flavour, hinted = able.flavour, fim.by_name(able.model)
    known: list[fim.FimFormat] = []
    for form in fim.FORMATS.values():
        answer = await _tokenize(client, address, able.model, "".join((*form.tokens, *form.also)))
        if answer is None:
            return flavour, hinted
        if flavour == "other":
            flavour = "vllm" if "max_model_len" in answer else "llama.cpp"
        if _is_one_token_each(answer["tokens"], (*form.tokens, *form.also)):
            known.append(form)
    # Families that share the three tokens answer the same prompt alike: the one with most tokens known settles it.
    by_tokens: dict[tuple[str, ...], fim.FimFormat] = {}
    for form in sorted(known, key=lambda form: (-len(form.also), form not in hinted)):
        by_tokens.setdefault(form.tokens, form)
    # Tokenizers that take no special tokens from text (Mistral's own) leave only the name to go by.
    return flavour, list(by_tokens.values()) or hinted


async def _tokenize(client: GuardedClient, address: Address, model: str, text: str) -> dict[str, Any] | None:
    """The answer to one request that llama.cpp and vLLM both understand; None where there is no tokenizer."""
    body = {
        "model": model,
        "content": text,
        "parse_special": True,
        "add_special": False,
        "prompt": text,
        "add_special_tokens": False,
    }
    try:
        answer = await wire.post_json(client, address, address.url.removesuffix("/v1") + "/tokenize", body)
    except EndpointError as error:
        if error.kind in ("unreachable", "refused"):
            raise
        return None
    return answer if isinstance(answer.get("tokens"), list) else None


def _is_one_token_each(tokens: list[Any], special: tuple[str, ...]) -> bool:
    return len(tokens) == len(special) == len({str(token) for token in tokens})


async def _fill_hole(
    client: GuardedClient, address: Address, able: Capabilities, form: fim.FimFormat, tier: TierSettings
) -> Timings | None:
    """Timings of a right answer; None for a wrong one and where there are no plain completions."""
    deadlines = Deadlines.starting_now(max(tier.first_token_ms, 5_000), max(tier.total_ms, 5_000))
    body = completion_body(able, form, _HOLE, max_tokens=_HOLE_MAX_TOKENS, stop=())
    if able.flavour == "llama.cpp":
        # A prompt that somebody's probe left in the cache would tell nothing about reading speed.
        body["cache_prompt"] = False
    try:
        source = wire.completion_events(client, address, body)
        async with answering(source, address, deadlines, fim.SpecialCut(form.special)) as answer:
            text = await answer.text()
    except EndpointError as error:
        if error.kind in ("bad_answer", "no_model", "forbidden", "too_large"):
            return None
        raise
    return answer.timings if _FILLED.match(text) else None


def _entries(address: Address, answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    served = answer.get("data")
    if not isinstance(served, list):
        raise faults.not_compatible(address)
    entries = {str(entry["id"]): entry for entry in served if isinstance(entry, dict) and entry.get("id")}
    if not entries:
        raise EndpointError("no_model", f"{address.url} serves no model: ask who runs it.")
    return entries


def _chosen(address: Address, entries: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if address.model is None:
        return next(iter(entries.values()))
    for name, entry in entries.items():
        if address.model == name or address.model in (entry.get("aliases") or ()):
            return entry
    raise faults.no_model(address, tuple(entries))


def _flavour(entry: dict[str, Any]) -> Flavour:
    owner = str(entry.get("owned_by", "")).lower()
    if owner == "llamacpp":
        return "llama.cpp"
    return "vllm" if owner == "vllm" else "other"


def _n_context(entry: dict[str, Any]) -> int | None:
    """Tokens of one request: `max_model_len` of vLLM, `meta.n_ctx` of llama.cpp, which counts one slot."""
    found = entry.get("max_model_len") or (entry.get("meta") or {}).get("n_ctx")
    return found if isinstance(found, int) else None
