"""Examples of what is asked and answered, in the order of a walk through a sandbox.

The tests send each of them to a server and hold its answer against what stands here; only what is
named in `varies` may be another: ids, moments and the like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

VARIES: Final = frozenset(
    {
        "id",
        "location",
        "carrier",
        "name",
        "reservation",
        "package",
        "next",
        "next_since_ms",
        "free_ms",
        "day",
        "epoch",
        "seq",
        "locator",
        "distance_km",
        "receiver",
        "secret",
        "public_keys",
        "payload",
    }
)
"""Members that differ from walk to walk; every `…_ms` does, too."""
IN_AN_HOUR, IN_TWO_HOURS = "{in_an_hour}", "{in_two_hours}"
PERSON: Final = {
    "name": "Mara Lindner",
    "email": "mara@example.org",
    "phone": "+49 171 3920001",
    "language": "de",
    "user_id": "customer-17",
}
_T: Final = 1795946346061


@dataclass(frozen=True, slots=True)
class Example:
    """One request and its answer. `{name}` in path or body is what `keeps` named before."""

    route: str
    """As the application has it: `GET /v1/packages/{package}`."""
    title: str
    status: int
    answer: Any
    path: str = ""
    """With its query; empty: the route's own."""
    body: Any = None
    key: str = ""
    """Of the header Idempotency-Key."""
    keeps: Mapping[str, str] = field(default_factory=dict)
    """What later examples name: a name, and the members that lead to its value."""

    @property
    def method(self) -> str:
        """How it is asked."""
        return self.route.partition(" ")[0]

    @property
    def asked(self) -> str:
        """Path and query."""
        return self.path or self.route.partition(" ")[2]


def _package(status: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "680bb078-2dec-448d-a03c-28d8ce2433d3",
        "reference": "order-1001",
        "shop": "Bookshop on the corner",
        "barcode": "00340434123456789012",
        "location": "sandbox~5f0c11aa",
        "status": status,
        "size": "M",
        "low_door": False,
        "alone": False,
        "sms_stopped": False,
        "announced_ms": _T,
        "changed_ms": _T,
        "stored_ms": _T,
        "hold_until_ms": _T,
        "finished_ms": None,
        **more,
    }


_PENDING: Final = {"stored_ms": None, "hold_until_ms": None}
_RESERVATION: Final = {
    "id": "c2b1…",
    "reference": "cart-7",
    "location": "sandbox~5f0c11aa",
    "size": "M",
    "kind": "hard",
    "state": "HELD",
    "door_kept": True,
    "package": None,
    "created_ms": _T,
    "until_ms": _T,
}
_SIZES: Final = [
    {
        "size": name,
        "width_mm": 360,
        "height_mm": height_mm,
        "depth_mm": 600,
        "max_weight_kg": weight_kg,
        "total": 4,
        "free": 4,
    }
    for name, height_mm, weight_kg in (("S", 100, 10.0), ("M", 220, 20.0), ("L", 460, 30.0))
]
_RECEIVER: Final = {
    "id": "992312cc-d5f9-4a1b-a889-51031d874ccb",
    "url": "https://carrier.example.org/lockers",
    "events": ["package.*"],
    "public_keys": ["whpk_xOjsUAAYLNdkcsGL0hA+XKmpB5X5Cjg6VW4HfyL5Ibg="],
    "secret_before_until_ms": None,
    "created_ms": _T,
    "disabled_ms": None,
    "disabled_why": "",
}
_MORE_EVENTS: Final = _RECEIVER | {"events": ["package.*", "collection.due"]}
EXAMPLES: Final[tuple[Example, ...]] = (
    Example(
        "GET /v1/sandbox",
        "Which locker is yours to try things with",
        200,
        {
            "location": "sandbox~5f0c11aa",
            "carrier": "sandbox-5f0c11aa",
            "actions": ["deposit", "undo", "pickup", "expire", "collect", "lose"],
        },
        keeps={"location": "location"},
    ),
    Example(
        "GET /v1/locations",
        "The feed of locations",
        200,
        {
            "locations": [
                {
                    "id": "sandbox~5f0c11aa",
                    "gone": False,
                    "name": "Sandbox of a shop",
                    "address": "a simulated locker: nothing of it is anywhere",
                    "country": "",
                    "latitude": None,
                    "longitude": None,
                    "time_zone": "UTC",
                    "directions": "",
                    "photo_url": None,
                    "opening_hours": None,
                    "hours": None,
                    "accessibility": [],
                    "services": [],
                    "languages": ["en"],
                    "sizes": _SIZES,
                    "free": 12,
                    "changed_ms": _T,
                }
            ],
            "next": None,
        },
        path="/v1/locations?limit=100",
    ),
    Example(
        "GET /v1/locations/nearest",
        "The nearest with room",
        200,
        [
            {
                "id": "sandbox~5f0c11aa",
                "name": "Sandbox of a shop",
                "address": "a simulated locker: nothing of it is anywhere",
                "latitude": 52.5,
                "longitude": 13.4,
                "free": 8,
                "distance_km": 0.0,
            }
        ],
        path="/v1/locations/nearest?lat=52.5&lon=13.4&size=M&count=3",
    ),
    Example(
        "GET /v1/locations/{location}",
        "How much room one has",
        200,
        {
            "id": "sandbox~5f0c11aa",
            "name": "Sandbox of a shop",
            "address": "a simulated locker: nothing of it is anywhere",
            "latitude": None,
            "longitude": None,
            "sizes": [
                {"size": "S", "free": 4, "total": 4},
                {"size": "M", "free": 4, "total": 4},
                {"size": "L", "free": 4, "total": 4},
            ],
            "neighbours": [],
        },
    ),
    Example(
        "POST /v1/locations/{location}/check",
        "Would it fit, and until when could its room be kept",
        200,
        {
            "location": "sandbox~5f0c11aa",
            "size": "M",
            "fits": True,
            "doors_left": 8,
            "until_ms": _T,
            "neighbours": [],
        },
        body={
            "dimensions": {"width_mm": 300, "height_mm": 200, "depth_mm": 400},
            "weight_kg": 3,
        },
    ),
    Example(
        "POST /v1/reservations",
        "Keep a door until the order is paid",
        201,
        _RESERVATION | {"door_kept": None},
        body={
            "location": "{location}",
            "size": "M",
            "kind": "hard",
            "until_ms": IN_AN_HOUR,
            "reference": "cart-7",
        },
        key="reserve-cart-7",
        keeps={"reservation": "id"},
    ),
    Example(
        "GET /v1/reservations/{reservation}",
        "Its kiosk keeps a door",
        200,
        _RESERVATION,
    ),
    Example(
        "GET /v1/reservations",
        "All that are kept at a location",
        200,
        {"reservations": [_RESERVATION], "next": None},
        path="/v1/reservations?state=HELD&location={location}",
    ),
    Example(
        "PUT /v1/reservations/{reservation}",
        "Keep it longer",
        200,
        _RESERVATION | {"door_kept": None},
        body={"until_ms": IN_TWO_HOURS},
    ),
    Example(
        "POST /v1/packages",
        "Announce the package that uses it",
        201,
        _package("PENDING", **_PENDING) | {"doors_left": 8, "neighbours": []},
        body={
            "barcode": "00340434123456789012",
            "location": "{location}",
            "reference": "order-1001",
            "shop": "Bookshop on the corner",
            "reservation": "{reservation}",
            "recipient": PERSON,
        },
        key="order-1001",
        keeps={"package": "id"},
    ),
    Example(
        "POST /v1/packages/bulk",
        "Announce many, each with its own result",
        200,
        {
            "announced": 1,
            "refused": 1,
            "results": [
                {
                    "index": 0,
                    "status": 201,
                    "package": _package(
                        "PENDING",
                        **_PENDING,
                        reference="order-1002",
                        barcode="JJD0002",
                        size="S",
                        shop=None,
                    )
                    | {"doors_left": 11, "neighbours": []},
                },
                {
                    "index": 1,
                    "status": 409,
                    "problem": {
                        "type": "/docs/api#exists",
                        "title": "It is there already",
                        "status": 409,
                        "detail": "reference 'order-1001' is a package's already",
                        "errors": [],
                        "error": "exists",
                        "message": "reference 'order-1001' is a package's already",
                        "id": "680bb078-2dec-448d-a03c-28d8ce2433d3",
                    },
                },
            ],
        },
        body={
            "packages": [
                {
                    "barcode": "JJD0002",
                    "location": "{location}",
                    "size": "S",
                    "reference": "order-1002",
                    "recipient": PERSON,
                },
                {
                    "barcode": "JJD0003",
                    "location": "{location}",
                    "size": "S",
                    "reference": "order-1001",
                    "recipient": PERSON,
                },
            ]
        },
        key="night-2026-11-30",
        keeps={"other": "results.0.package.id"},
    ),
    Example(
        "GET /v1/packages",
        "A page of what is expected",
        200,
        {"packages": [_package("PENDING", **_PENDING)], "next": "WyI1ZTFm…"},
        path="/v1/packages?status=PENDING&limit=1",
    ),
    Example(
        "GET /v1/packages/{package}",
        "How one is doing",
        200,
        _package("PENDING", **_PENDING),
    ),
    Example(
        "POST /v1/sandbox/packages/{package}/{action}",
        "A courier puts it in: now",
        200,
        _package("STORED"),
        path="/v1/sandbox/packages/{package}/deposit",
    ),
    Example(
        "POST /v1/packages/{package}/extend",
        "Hold it a day longer",
        200,
        _package("STORED"),
        body={"days": 1},
    ),
    Example(
        "POST /v1/packages/{package}/code",
        "Send its recipient a new code",
        200,
        _package("STORED"),
        body={"user_id": "customer-17"},
    ),
    Example(
        "PUT /v1/packages/{package}/recipient",
        "Another contact",
        200,
        _package("STORED"),
        body={"name": "Mara Lindner", "email": "mara.l@example.org", "user_id": "customer-17"},
    ),
    Example(
        "POST /v1/sandbox/packages/{package}/{action}",
        "Its recipient fetches it: now",
        200,
        _package("RETRIEVED", finished_ms=_T),
        path="/v1/sandbox/packages/{package}/pickup",
    ),
    Example(
        "GET /v1/reports/days",
        "What happened to all your packages, day by day",
        200,
        {
            "days": [
                {
                    "day": "2026-11-29",
                    "location": "sandbox~5f0c11aa",
                    "stored": 1,
                    "picked_up": 1,
                    "expired": 0,
                    "taken_back": 0,
                    "missing": 0,
                }
            ],
            "next": None,
        },
    ),
    Example(
        "GET /v1/packages/{package}/history",
        "What happened to it",
        200,
        [
            {"kind": kind, "at_ms": _T, "epoch": "d36facfae511cc01", "seq": 28}
            for kind in (
                "PACKAGE_ANNOUNCED",
                "COMMAND_APPLIED",
                "PACKAGE_STORED",
                "HOLD_EXTENDED",
                "CODE_REISSUED",
                "CONTACT_CHANGED",
                "CODE_REISSUED",
                "PACKAGE_RETRIEVED",
            )
        ],
    ),
    Example(
        "POST /v1/packages/{package}/cancel",
        "Recall another one",
        200,
        _package(
            "PENDING",
            **_PENDING,
            reference="order-1002",
            barcode="JJD0002",
            size="S",
            shop=None,
        ),
        path="/v1/packages/{other}/cancel",
        body={"why": "returned to the sender"},
    ),
    Example(
        "POST /v1/reservations",
        "Room in the count alone",
        201,
        _RESERVATION | {"kind": "soft", "door_kept": None, "reference": None, "size": "S"},
        body={"location": "{location}", "size": "S", "until_ms": IN_AN_HOUR},
        keeps={"reservation": "id"},
    ),
    Example(
        "DELETE /v1/reservations/{reservation}",
        "Give it back",
        200,
        _RESERVATION
        | {"kind": "soft", "door_kept": None, "reference": None, "size": "S"}
        | {"state": "GIVEN_BACK"},
    ),
    Example(
        "POST /v1/sandbox/faults",
        "The machine is full",
        200,
        {"location": "sandbox~5f0c11aa", "fault": "full"},
        body={"fault": "full"},
    ),
    Example(
        "POST /v1/reservations",
        "No room, said as a problem",
        409,
        {
            "type": "/docs/api#full",
            "title": "No locker near by has room",
            "status": 409,
            "detail": "…",
            "errors": [],
            "error": "full",
            "message": "…",
            "neighbours": [],
        },
        body={"location": "{location}", "size": "S", "until_ms": IN_AN_HOUR},
    ),
    Example(
        "POST /v1/sandbox/faults",
        "There is room again",
        200,
        {"location": "sandbox~5f0c11aa", "fault": "room_again"},
        body={"fault": "room_again"},
    ),
    Example(
        "POST /v1/sandbox/refusals",
        "Have your next request refused, to see what your program does",
        200,
        {"next": {"status": 503, "type": "/docs/api#unavailable"}},
        body={"error": "unavailable"},
    ),
    Example(
        "GET /v1/packages/{package}",
        "It is, once",
        503,
        {
            "type": "/docs/api#unavailable",
            "title": "The server cannot do it now",
            "status": 503,
            "detail": "the sandbox was asked to answer this once: nothing was done",
            "errors": [],
            "error": "unavailable",
            "message": "the sandbox was asked to answer this once: nothing was done",
            "retry_after_s": 1,
        },
    ),
    Example(
        "GET /v1/webhooks/events",
        "What there is to be sent",
        200,
        [{"type": "package.announced", "when": "It was announced to a locker."}, "…"],
    ),
    Example(
        "POST /v1/webhooks",
        "Have it sent to your own system",
        201,
        _RECEIVER | {"secret": "whsec_Xf6J8lg2WkO1LrfzIE7Buzp+B3KRxsGRupvw9SwWv/A="},
        body={"url": "https://carrier.example.org/lockers", "events": ["package.*"]},
        keeps={"receiver": "id"},
    ),
    Example("GET /v1/webhooks", "Your receivers", 200, [_RECEIVER]),
    Example("GET /v1/webhooks/{receiver}", "One of them", 200, _RECEIVER),
    Example(
        "PATCH /v1/webhooks/{receiver}",
        "More events",
        200,
        _MORE_EVENTS,
        body={"events": ["package.*", "collection.due"]},
    ),
    Example(
        "POST /v1/webhooks/{receiver}/rotate",
        "A new secret; both sign for a day",
        200,
        _MORE_EVENTS | {"secret_before_until_ms": _T, "secret": "whsec_B1aiBCPqpAP73A3CjEx…"},
        body={"keep_hours": 24},
    ),
    Example(
        "POST /v1/webhooks/{receiver}/test",
        "Send a test event",
        202,
        {"id": "68fa5aa2-0e5f-4b1f-8ebe-4e1e78c5fe98"},
    ),
    Example(
        "GET /v1/webhooks/{receiver}/deliveries",
        "What was sent to it, and what waits",
        200,
        {
            "deliveries": [
                {
                    "id": "68fa5aa2-0e5f-4b1f-8ebe-4e1e78c5fe98",
                    "type": "webhook.test",
                    "package": None,
                    "location": None,
                    "status": "…",
                    "attempts": "…",
                    "error": "…",
                    "created_ms": _T,
                    "due_ms": _T,
                    "sent_ms": None,
                    "payload": '{"type":"webhook.test","timestamp":"2026-11-30T09:00:00.000Z",…}',
                }
            ],
            "next": None,
        },
        path="/v1/webhooks/{receiver}/deliveries?count=1",
    ),
    Example(
        "POST /v1/webhooks/{receiver}/replay",
        "Send again what was given up",
        200,
        {"replayed": 0, "is_more": False},
        body={"since_ms": _T},
    ),
    Example("DELETE /v1/webhooks/{receiver}", "Remove it", 204, None),
    Example(
        "GET /v1/directory",
        "For other regions of a network: what is here",
        200,
        {"region": "", "locations": [], "has_more": False},
    ),
)


def of_route(route: str) -> list[Example]:
    """The examples of one route, in their order."""
    return [each for each in EXAMPLES if each.route == route]
