"""OpenAPI and Swagger, as YAML or JSON: owns the operations and models of an interface; what it is not is left fast."""

from __future__ import annotations

import re

from context.codegraph.facts import Symbol, SymbolKind
from context.codegraph.schemas_draft import Draft
from context.codegraph.schemas_mapping import Value, document
from context.codegraph.source import Source
from context.codegraph.trees import parse_file
from context.languages import find

_IS_OPENAPI = re.compile(rb"""(?:^|[{,])\s*["']?(?:openapi|swagger)["']?\s*:\s*["']?[23]\.""", re.MULTILINE)
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_MAX_FIELDS = 40
_MAX_DOC_CHARS = 160


def read(source: Source, language: str, stop_at: float) -> Draft:
    """Operations under `GET /path` and once more under their operationId, models with their fields."""
    draft, found = Draft(source), find(language)
    if found is None or not _IS_OPENAPI.search(source.bytes):
        return draft
    tree = parse_file(found, source.bytes, stop_at)
    root = document(source, tree.root_node) if tree else None
    if root is None:
        return draft
    for path, _, item in root.get("paths").items():
        shared = list(item.get("parameters").elements())
        for method, line, operation in item.items():
            if method in _METHODS:
                _operation(draft, f"{method.upper()} {path}", line, operation, shared)
    for models in (root.get("components").get("schemas"), root.get("definitions")):
        for name, line, model in models.items():
            _model(draft, name, line, model)
    return draft


def _operation(draft: Draft, name: str, line: int, operation: Value, shared: list[Value]) -> None:
    """The signature is written out, since what it takes is spread over many lines."""
    parameters = [*shared, *operation.get("parameters").elements()]
    body = [_type(each.get("schema")) for each in parameters if each.get("in").text() == "body"]
    body += _contents(operation.get("requestBody"))
    answers = [(code, _answer(answer)) for code, _, answer in operation.get("responses").items()]
    answer = next((type_ for code, type_ in answers if code.startswith("2") and type_), "")
    stub = operation.get("operationId").text()
    lines = [
        f"{name} -> {answer}" if answer else name,
        f"  operationId: {stub}" if stub else "",
        *(f"  {_parameter(each)}" for each in parameters if each.get("in").text() != "body"),
        *(f"  body: {type_}" for type_ in body if type_),
        *(f"  {code}: {type_}" for code, type_ in answers if type_),
    ]
    doc = (operation.get("summary").text() or operation.get("description").text()).split("\n")[0][:_MAX_DOC_CHARS]
    last, type_ = operation.end_line, _name(answer)
    signature = "\n".join(each for each in lines if each)
    symbol = draft.put(Symbol(name, "operation", -1, line, last, signature, doc, type_))
    if stub:
        draft.put(Symbol(stub, "operation", symbol, line, last, signature, doc, type_))
    for used in operation.references():
        draft.uses("references", symbol, used, line)


def _model(draft: Draft, name: str, line: int, model: Value) -> None:
    parts = [model, *model.get("allOf").elements()]
    required = {each.text() for part in parts for each in part.get("required").elements()}
    fields = [field for part in parts for field in part.get("properties").items()][:_MAX_FIELDS]
    values = [each.text() for each in model.get("enum").elements()][:_MAX_FIELDS]
    doc = model.get("description").text().split("\n")[0][:_MAX_DOC_CHARS]
    rows = [_field(field, value, required) for field, _, value in fields]
    head = f"{name} = {' | '.join(values)}" if values else f"{name} = {_type(model)}" if not rows else name
    signature = "\n".join([head, *(f"  {row}" for row in rows)])
    kind: SymbolKind = "enum" if values else "message"
    symbol = draft.put(Symbol(name, kind, -1, line, model.end_line, signature, doc))
    bases = {_reference(each) for each in model.get("allOf").elements()}
    for base in sorted(bases):
        draft.uses("inherits", symbol, base, line)
    for (field, at, value), row in zip(fields, rows, strict=True):
        draft.put(Symbol(field, "field", symbol, at, value.end_line, row, "", _name(_type(value))))
    for used in model.references():
        if used not in bases:
            draft.uses("references", symbol, used, line)


def _field(name: str, value: Value, required: set[str]) -> str:
    return f"{name}{'' if name in required else '?'}: {_type(value)}"


def _parameter(value: Value) -> str:
    if used := _reference(value):
        return used
    schema = value.get("schema")
    return f"{value.get('name').text()}: {_type(schema if schema.exists else value)} ({value.get('in').text()})"


def _answer(answer: Value) -> str:
    """The model of an answer: of its content, of Swagger 2's schema, or the name of an answer kept elsewhere."""
    schema = answer.get("schema")
    contents = _contents(answer)
    return _reference(answer) or (contents[0] if contents else _type(schema) if schema.exists else "")


def _contents(value: Value) -> list[str]:
    """The models of a body in each of its formats, each once."""
    types = (_type(each.get("schema")) for _, _, each in value.get("content").items())
    return list(dict.fromkeys(types)) or ([used] if (used := _reference(value)) else [])


def _type(schema: Value, depth: int = 0) -> str:
    """A schema in short: `Order`, `Order[]`, `Card | Cash`, `string`."""
    if used := _reference(schema):
        return used
    if depth < 3:
        for choice in ("oneOf", "anyOf", "allOf"):
            parts = [_type(each, depth + 1) for each in schema.get(choice).elements()]
            if parts:
                return (" & " if choice == "allOf" else " | ").join(parts)
        if schema.get("items").exists:
            return f"{_type(schema.get('items'), depth + 1)}[]"
    return schema.get("type").text() or "object"


def _reference(value: Value) -> str:
    return _name(value.get("$ref").text().rpartition("/")[2])


def _name(type_: str) -> str:
    """The bare name of a type, "" for what has none."""
    match = re.match(r"[\w.-]+", type_)
    return match.group() if match else ""
