"""The OpenAPI document, with examples that the tests hold to be true and with problems."""

from __future__ import annotations

from typing import Any

from central.api_pages.answers import SCHEMA
from central.api_pages.examples import EXAMPLES, Example


def with_examples(document: dict[str, Any]) -> dict[str, Any]:
    """The same document, with the shape of problems and an example of each route."""
    document.setdefault("components", {}).setdefault("schemas", {})["Problem"] = SCHEMA
    for each in EXAMPLES:
        method, _, path = each.route.partition(" ")
        said = document["paths"].get(path, {}).get(method.lower())
        if said is not None:
            _add(said, each)
    return document


def _add(said: dict[str, Any], example: Example) -> None:
    """Show an example at its route, beside those that are there."""
    name = example.title
    if example.body is not None and "requestBody" in said:
        body = said["requestBody"]["content"]["application/json"]
        body.setdefault("examples", {})[name] = {"value": example.body}
    answer = said["responses"].setdefault(str(example.status), {"description": name})
    is_problem = example.status >= 400
    media = "application/problem+json" if is_problem else "application/json"
    if example.answer is None:
        return
    shown = answer.setdefault("content", {}).setdefault(media, {})
    shown.pop("example", None)
    shown.setdefault("examples", {})[name] = {"value": example.answer}
