"""The API as people read it: one page that the server renders itself, from what it serves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import FileResponse
from fastapi.templating import Jinja2Templates

from central import problems
from central.api_pages.examples import Example, of_route
from central.context import central_of

HERE = Path(__file__).parent
HEADERS = {"cache-control": "no-cache"}
router = APIRouter(prefix=problems.PAGE, include_in_schema=False)
templates = Jinja2Templates(HERE / "templates")


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter or a member of a body."""

    name: str
    where: str
    kind: str
    is_needed: bool
    text: str


@dataclass(frozen=True, slots=True)
class Route:
    """A route as the page shows it."""

    route: str
    anchor: str
    summary: str
    text: str
    fields: list[Field]
    examples: list[Example]


@router.get("")
async def page(request: Request) -> Response:
    """Every route, with examples that are true; every problem; the limits; how to try it."""
    central, app = central_of(request), request.app
    shown = {
        "groups": groups_of(app),
        "problems": problems.TYPES,
        "settings": central.settings,
        "url": central.settings.base_url,
        "curl": curl,
        "written": written,
    }
    return templates.TemplateResponse(request, "api.html", shown, headers=HEADERS)


@router.get("/page.css")
async def style() -> Response:
    return FileResponse(HERE / "templates" / "api.css", media_type="text/css", headers=HEADERS)


def groups_of(app: FastAPI) -> dict[str, list[Route]]:
    """The routes for programs, by what they are about; those of kiosks are no programs'."""
    document = app.openapi()
    groups: dict[str, list[Route]] = {}
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            tag = said.get("tags", ["other"])[0]
            if tag in ("kiosks", "other"):
                continue
            route = f"{method.upper()} {path}"
            groups.setdefault(tag, []).append(_route(document, route, said))
    return groups


def _route(document: dict[str, Any], route: str, said: dict[str, Any]) -> Route:
    fields = [
        Field(
            each["name"],
            each["in"],
            kind_of(document, each["schema"]),
            bool(each.get("required")),
            each.get("description") or each["schema"].get("description", ""),
        )
        for each in said.get("parameters", ())
    ]
    body = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    if body:
        fields += list(_members(document, body["schema"], ""))
    anchor = route.replace(" ", "-").replace("/", "-").replace("{", "").replace("}", "")
    summary, text = said.get("summary", route), said.get("description", "")
    return Route(route, anchor, summary, text, fields, of_route(route))


def _members(document: dict[str, Any], schema: dict[str, Any], before: str) -> list[Field]:
    """The members of a body, those of its parts behind them."""
    shape = _resolved(document, schema)
    needed, found = set(shape.get("required", ())), list[Field]()
    for name, member in shape.get("properties", {}).items():
        text = member.get("description", "")
        kind = kind_of(document, member)
        found.append(Field(before + name, "body", kind, name in needed, text))
        for part in _parts(document, member):
            ending = "[]." if kind.startswith("list") else "."
            found += _members(document, part, f"{before}{name}{ending}")
    return found


def _parts(document: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """What a member is made of, where it is made of something."""
    choices = [schema, *schema.get("anyOf", ()), schema.get("items", {})]
    shapes = [_resolved(document, each) for each in choices if each]
    return [each for each in shapes if "properties" in each][:1]


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref", "")
    if not reference:
        return schema
    found: dict[str, Any] = document["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def kind_of(document: dict[str, Any], schema: dict[str, Any]) -> str:
    """What a value is, with its bounds, in words."""
    if "anyOf" in schema:
        kinds = [kind_of(document, each) for each in schema["anyOf"]]
        return " or ".join(each for each in kinds if each != "null")
    if "enum" in schema:
        return "one of " + ", ".join(str(each) for each in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    shape = _resolved(document, schema)
    kind = {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(
        str(shape.get("type")), str(shape.get("type", "object"))
    )
    if kind == "array":
        return f"list of at most {shape['maxItems']}" if "maxItems" in shape else "list"
    bounds = [
        f"{word} {shape[name]}"
        for name, word in (
            ("minimum", "from"),
            ("exclusiveMinimum", "more than"),
            ("maximum", "to"),
            ("maxLength", "at most"),
        )
        if name in shape
    ]
    return " ".join([kind, *bounds]) + (" characters" if "maxLength" in shape else "")


def written(value: Any) -> str:
    """JSON as people read it."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def curl(example: Example) -> str:
    """An example as somebody types it."""
    words = ["curl", '-H "Authorization: Bearer $KEY"']
    if example.method != "GET" and not (example.method == "POST" and example.body is not None):
        words.append(f"-X {example.method}")
    if example.key:
        words.append(f'-H "Idempotency-Key: {example.key}"')
    words.append(f'"$URL{example.asked}"')
    text = " ".join(words)
    if example.body is not None:
        text += f" --json '{written(example.body)}'"
    return text
