"""What OpenAPI says of refusals: each is a problem (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from central import problems
from central.errors import FieldError, RequestError

SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "errors", "error", "message"],
    "properties": {
        "type": {"type": "string", "description": "Which problem it is, for ever the same."},
        "title": {"type": "string", "description": "What that is called."},
        "status": {"type": "integer", "description": "The answer's HTTP status."},
        "detail": {"type": "string", "description": "What is wrong this time, for people."},
        "errors": {
            "type": "array",
            "description": "Each field that does not fit.",
            "items": {
                "type": "object",
                "properties": {
                    "field": {"type": "string", "description": "Its name, with points."},
                    "pointer": {"type": "string", "description": "The same, RFC 6901."},
                    "value": {"description": "What was sent, shortened."},
                    "expected": {"type": "string", "description": "What would be right."},
                },
            },
        },
        "error": {"type": "string", "description": "The code at the end of `type`."},
        "message": {"type": "string", "description": "The same as `detail`."},
    },
}
"""Of every problem; a type may add members."""
_EXAMPLES: Final[dict[int, RequestError]] = {
    401: RequestError(401, "unauthorised", "this API key is not known, or was revoked"),
    403: RequestError(403, "forbidden", "this key lacks the scope packages:announce"),
    404: RequestError(404, "not_found", "there is no package '680bb078'"),
    409: RequestError(409, "key_reused", "the key 'order-1001' was used for another request"),
    413: RequestError(
        413, "too_large", "a body for this address has at most 65536 bytes", max_bytes=65536
    ),
    421: RequestError(
        421,
        "other_region",
        "location 'isar' is of the region south: its server is https://south.example.org",
        region="south",
        url="https://south.example.org",
    ),
    422: RequestError(
        422,
        "invalid",
        "the request is not valid",
        problems=[{"field": "size", "problem": "String should have at least 1 character"}],
    ).with_errors(FieldError("size", "", "a text of at least 1 characters")),
    429: RequestError(
        429, "too_many_requests", "this key may send 600 requests a minute", retry_after_s=0.4
    ),
    503: RequestError(503, "unavailable", "nothing was done: try again"),
}


def refusal(status: int) -> dict[str, Any]:
    """A response of OpenAPI for a refusal with this status."""
    content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    content["example"] = problems.body_of(_EXAMPLES[status])
    return {
        "description": HTTPStatus(status).phrase,
        "content": {problems.MEDIA_TYPE: content},
    }


REFUSALS: Final[dict[int | str, dict[str, Any]]] = {code: refusal(code) for code in _EXAMPLES}
"""Of every route for carriers and shops."""
