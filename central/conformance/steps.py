"""The steps of the conformance kit: every state of a package, every fault, each once."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from central.adapters import SystemClock
from central.conformance.client import Client, NotAsDocumentedError, require
from kiosk.model.clock import HOUR_MS
from kiosk.model.urls import asking, path

PACKAGES: Final = "/v1/packages"
WEBHOOKS: Final = "/v1/webhooks"
RECEIVER: Final = {"url": "https://conformance-kit.invalid/webhooks"}
"""One that is nowhere (RFC 2606): nothing is sent to anybody."""
RECEIVERS_MAX: Final = 1000
"""So many receivers a server lets a carrier have at most, however it is set up."""
PERSON: Final = {
    "name": "Conny Form",
    "email": "conny@example.org",
    "phone": "+49 171 3920001",
    "language": "en",
    "user_id": "customer-1",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is seen."""

    title: str
    work: Callable[[Client], None]


STEPS: Final[list[Step]] = []
"""All of them, in their order."""


def step(title: str) -> Callable[[Callable[[Client], None]], Callable[[Client], None]]:
    """The next step of the kit."""

    def keep(work: Callable[[Client], None]) -> Callable[[Client], None]:
        STEPS.append(Step(title, work))
        return work

    return keep


def run(client: Client, steps: Sequence[Step], say: Callable[[str], None]) -> int:
    """Do the steps, and say how each went; how many failed. Raises `PermissionError` where the key
    is no sandbox's."""
    failed = 0
    for number, each in enumerate(steps, 1):
        say(f"{number:2} {each.title}")
        try:
            each.work(client)
        except NotAsDocumentedError as error:
            failed += 1
            say(f"   FAILED: {error}")
        except (KeyError, IndexError, TypeError, ValueError) as error:
            failed += 1
            say(f"   FAILED: the answer lacks something: {type(error).__name__}: {error}")
    return failed


def fresh(what: str) -> str:
    """A name that no earlier run gave."""
    return f"{what}-{secrets.token_hex(6)}"


def of_package(package: str, *more: str) -> str:
    """The address of a package, or of what may be done with it."""
    return path("v1", "packages", package, *more)


def announce(client: Client, **more: Any) -> str:
    """A package that is expected; its id."""
    wanted = {
        "barcode": fresh("KIT").upper(),
        "location": "nearest",
        "size": "S",
        "recipient": PERSON,
        **more,
    }
    body = client.ask("POST", PACKAGES, wanted).is_(201).body
    require(body["status"] == "PENDING", f"status {body['status']}, where PENDING is documented")
    return str(body["id"])


def happen(client: Client, package: str, action: str, status: str) -> None:
    """Something happens to a package, which has that status then, wherever one looks."""
    body = client.ask("POST", path("v1", "sandbox", "packages", package, action)).is_(200).body
    require(body["status"] == status, f"status {body['status']}, where {status} is documented")
    found = client.ask("GET", of_package(package)).is_(200).body
    require(found == body, "the package itself says something else")


@step("the key is a sandbox's")
def _is_sandbox(client: Client) -> None:
    answer = client.ask("GET", "/v1/sandbox")
    if answer.status in (401, 403):
        raise PermissionError(f"{answer.body['message']}: ask the operator for a sandbox key")
    client.kept["location"] = answer.is_(200).body["location"]
    client.ask("POST", "/v1/sandbox/faults", {"fault": "room_again"}).is_(200)


@step("the location is in the feed, and unchanged it is not sent again")
def _feed(client: Client) -> None:
    answer = client.ask("GET", "/v1/locations").is_(200)
    found = [each["id"] for each in answer.body["locations"]]
    require(found == [client.kept["location"]], "a sandbox's feed has its own location alone")
    tag = answer.headers["etag"]
    client.ask("GET", "/v1/locations", headers={"if-none-match": tag}).is_(304)
    since = client.ask("GET", "/v1/locations?changed_since_ms=0").is_(200).body
    require(since["next_since_ms"] is not None, "the last page says since when to ask next")


@step("would it fit, and until when")
def _check(client: Client) -> None:
    check = path("v1", "locations", client.kept["location"], "check")
    edges = {"width_mm": 300, "height_mm": 200, "depth_mm": 400}
    body = client.ask("POST", check, {"dimensions": edges, "weight_kg": 2}).is_(200).body
    require(body["fits"] is True, "a free locker takes a package that fits")
    huge = {"dimensions": {**edges, "depth_mm": 5000}}
    client.ask("POST", check, huge).problem(422, "too_large")


@step("PENDING: an announcement; sent again with its key it is the same one")
def _once(client: Client) -> None:
    wanted = {"barcode": fresh("KIT").upper(), "location": "nearest", "recipient": PERSON}
    headers = {"idempotency-key": fresh("kit")}
    first = client.ask("POST", PACKAGES, wanted, headers=headers).is_(201).body
    again = client.ask("POST", PACKAGES, wanted, headers=headers).is_(201).body
    require(again == first, "the same request with the same key has the same answer")
    other = {**wanted, "low_door": True}
    client.ask("POST", PACKAGES, other, headers=headers).problem(409, "key_reused")
    twice = client.ask("POST", PACKAGES, wanted).problem(409, "exists")
    require(twice["id"] == first["id"], "`id` names the package that is there")
    client.kept["package"] = first["id"]


@step("STORED, RETRIEVED, and what happened to it")
def _retrieved(client: Client) -> None:
    package = client.kept["package"]
    happen(client, package, "deposit", "STORED")
    happen(client, package, "pickup", "RETRIEVED")
    found = client.ask("GET", of_package(package, "history")).is_(200).body
    kinds = [each["kind"] for each in found]
    for kind in ("PACKAGE_ANNOUNCED", "PACKAGE_STORED", "PACKAGE_RETRIEVED"):
        require(kind in kinds, f"its history lacks {kind}")
    client.ask("POST", of_package(package, "cancel"), {}).problem(409, "too_late")


@step("a deposit that is undone is expected again")
def _undone(client: Client) -> None:
    package = announce(client)
    happen(client, package, "deposit", "STORED")
    happen(client, package, "undo", "PENDING")


@step("EXPIRED, COLLECTED, and what is to be collected")
def _collected(client: Client) -> None:
    package = announce(client)
    happen(client, package, "deposit", "STORED")
    happen(client, package, "expire", "EXPIRED")
    now_ms = SystemClock().now_ms() + 60_000
    due = client.ask("GET", asking(PACKAGES, due_by_ms=now_ms, limit=500)).is_(200).body
    require(package in {each["id"] for each in due["packages"]}, "it is not listed as due")
    happen(client, package, "collect", "COLLECTED")


@step("CANCELLED, before it comes and after")
def _cancelled(client: Client) -> None:
    for actions in ((), ("deposit",)):
        package = announce(client)
        for each in actions:
            happen(client, package, each, "STORED")
        client.ask("POST", of_package(package, "cancel"), {"why": "recalled"}).is_(200)
        body = client.ask("GET", of_package(package)).is_(200).body
        require(body["status"] == "CANCELLED", f"status {body['status']}, not CANCELLED")
    happen(client, package, "collect", "COLLECTED")


@step("MISSING")
def _missing(client: Client) -> None:
    package = announce(client)
    happen(client, package, "deposit", "STORED")
    happen(client, package, "lose", "MISSING")


@step("held longer, a new code, another contact")
def _changed(client: Client) -> None:
    package = announce(client)
    extend, code = of_package(package, "extend"), of_package(package, "code")
    client.ask("POST", extend, {"days": 1}).problem(409, "not_held")
    happen(client, package, "deposit", "STORED")
    before = client.ask("GET", of_package(package)).body["hold_until_ms"]
    client.ask("POST", extend, {"days": 1}).is_(200)
    require(
        client.ask("GET", of_package(package)).body["hold_until_ms"] > before,
        "it is held no longer",
    )
    client.ask("POST", extend, {"days": 7}).problem(409, "too_long")
    client.ask("POST", code, {"user_id": "customer-1"}).is_(200)
    client.ask("POST", code, {"user_id": "a stranger"}).problem(404, "not_found")
    client.ask("PUT", of_package(package, "recipient"), {**PERSON, "name": "Conny Forma"}).is_(200)
    happen(client, package, "pickup", "RETRIEVED")


@step("many in one call, each with its own result; the call again changes nothing")
def _bulk(client: Client) -> None:
    reference = fresh("order")
    packages = [
        {
            "barcode": fresh("KIT").upper(),
            "location": "nearest",
            "size": size,
            "reference": f"{reference}-{number}",
            "recipient": PERSON,
        }
        for number, size in enumerate(("S", "M", "no such size"))
    ]
    headers = {"idempotency-key": fresh("kit")}
    body = client.ask("POST", "/v1/packages/bulk", {"packages": packages}, headers=headers)
    first = body.is_(200).body
    statuses = [each["status"] for each in first["results"]]
    require(statuses == [201, 201, 422], f"results {statuses}, where [201, 201, 422] are right")
    again = client.ask("POST", "/v1/packages/bulk", {"packages": packages}, headers=headers)
    require(again.is_(200).body == first, "the same call has the same results")
    found = client.ask("GET", asking(PACKAGES, reference=f"{reference}-1")).is_(200).body
    require(len(found["packages"]) == 1, "a package is found by its reference")
    client.kept["reference"] = f"{reference}-1"


@step("lists go on behind each page; a cursor that is none is refused")
def _lists(client: Client) -> None:
    first = client.ask("GET", "/v1/packages?limit=2").is_(200).body
    require(len(first["packages"]) == 2, "a page has as many as are asked for")
    cursor = first["next"]
    second = client.ask("GET", asking(PACKAGES, limit=2, cursor=cursor)).is_(200).body
    ids = [each["id"] for page in (first, second) for each in page["packages"]]
    require(len(set(ids)) == len(ids), "no package is on two pages")
    body = client.ask("GET", asking(PACKAGES, cursor=cursor)).is_(200)
    damaged = "A" + cursor[1:] if cursor[0] != "A" else "B" + cursor[1:]
    body = client.ask("GET", asking(PACKAGES, cursor=damaged)).problem(422, "invalid")
    require(body["errors"][0]["field"] == "cursor", "the problem names the cursor")
    foreign = client.ask("GET", asking(PACKAGES, status="STORED", cursor=cursor))
    foreign.problem(422, "invalid")
    since = client.ask("GET", "/v1/packages?changed_since_ms=0&limit=500").is_(200).body
    require("next_since_ms" in since, "a list of changes says since when to ask next")


@step("room: reserved, kept longer, used, given back")
def _room(client: Client) -> None:
    until_ms = SystemClock().now_ms() + HOUR_MS
    wanted = {"location": client.kept["location"], "size": "M", "until_ms": until_ms}
    made = client.ask("POST", "/v1/reservations", {**wanted, "kind": "hard"}).is_(201).body
    reservation = path("v1", "reservations", made["id"])
    require(client.ask("GET", reservation).is_(200).body["door_kept"] is True, "no door is kept")
    client.ask("PUT", reservation, {"until_ms": until_ms + HOUR_MS}).is_(200)
    package = announce(client, location=client.kept["location"], size="M", reservation=made["id"])
    body = client.ask("GET", reservation).is_(200).body
    require((body["state"], body["package"]) == ("USED", package), "it was not used")
    client.ask("PUT", reservation, {"until_ms": until_ms}).problem(409, "not_reserved")
    soft = client.ask("POST", "/v1/reservations", wanted).is_(201).body
    given = client.ask("DELETE", path("v1", "reservations", soft["id"])).is_(200).body
    require(given["state"] == "GIVEN_BACK", "it was not given back")


@step("faults of the machine")
def _faults(client: Client) -> None:
    for fault in ("door_jammed", "opened_by_itself", "board_away", "board_back"):
        client.ask("POST", "/v1/sandbox/faults", {"fault": fault}).is_(200)


@step("a full locker: said before, refused where room is promised, and free again")
def _full(client: Client) -> None:
    location = client.kept["location"]
    client.ask("POST", "/v1/sandbox/faults", {"fault": "full"}).is_(200)
    body = (
        client.ask("POST", path("v1", "locations", location, "check"), {"size": "S"}).is_(200).body
    )
    require((body["fits"], body["doors_left"]) == (False, 0), "a full locker takes nothing")
    until_ms = SystemClock().now_ms() + HOUR_MS
    wanted = {"location": location, "size": "S", "until_ms": until_ms}
    client.ask("POST", "/v1/reservations", wanted).problem(409, "full")
    client.ask("POST", "/v1/sandbox/faults", {"fault": "room_again"}).is_(200)
    body = (
        client.ask("POST", path("v1", "locations", location, "check"), {"size": "S"}).is_(200).body
    )
    require(body["fits"] is True, "there is room again")


@step("a receiver of webhooks: made, tried, disabled, removed; what is refused of it")
def _receiver(client: Client) -> None:
    made = client.ask("POST", WEBHOOKS, RECEIVER).is_(201).body["id"]
    receiver = path("v1", "webhooks", made)
    try_out, replay = path("v1", "webhooks", made, "test"), path("v1", "webhooks", made, "replay")
    try:
        webhook = client.ask("POST", try_out).is_(202).body["id"]
        client.ask("POST", replay, {"webhook": webhook}).problem(409, "not_dead")
        client.ask("PATCH", receiver, {"disabled": True}).is_(200)
        client.ask("POST", try_out).problem(409, "disabled")
    finally:
        client.ask("DELETE", receiver).is_(204)
    client.ask("GET", receiver).problem(404, "not_found")


@step("refused: one receiver of webhooks more than there may be")
def _receivers(client: Client) -> None:
    made: list[str] = []
    try:
        while (answer := client.ask("POST", WEBHOOKS, RECEIVER)).status == 201:
            made.append(answer.body["id"])
            require(len(made) <= RECEIVERS_MAX, f"{len(made)} receivers, and no end of them")
        answer.problem(409, "too_many")
    finally:
        for each in made:
            client.ask("DELETE", path("v1", "webhooks", each)).is_(204)


@step("refused: couriers' badges without a key, codes of the day that a carrier does not use")
def _badges(client: Client) -> None:
    keys = client.ask("GET", "/v1/couriers/keys").is_(200).body
    require(keys == [], "a sandbox has no keys of badges")
    wanted = {"pseudonym": "courier-1"}
    client.ask("POST", "/v1/couriers/badges", wanted).problem(409, "no_key")
    code = path("v1", "locations", client.kept["location"], "courier-code")
    client.ask("GET", code).problem(409, "no_site_codes")
    revoked = {"pseudonym": "courier-1"}
    client.ask("POST", "/v1/couriers/revocations", revoked).problem(403, "forbidden")


@step("refused: no key, an unknown one, nothing there, a method that is none")
def _refused(client: Client) -> None:
    client.ask("GET", PACKAGES, key="").problem(401, "unauthorised")
    client.ask("GET", PACKAGES, key="key_made_up").problem(401, "unauthorised")
    client.ask("GET", "/v1/packages/none").problem(404, "not_found")
    client.ask("GET", "/v1/nowhere").problem(404, "not_found")
    answer = client.ask("PATCH", PACKAGES, {})
    answer.problem(405, "method_not_allowed")
    require("GET" in answer.headers.get("allow", ""), "405 says what is taken")


@step("refused: bodies that cannot be read, that do not fit, that are too long")
def _bodies(client: Client) -> None:
    client.ask("POST", PACKAGES, raw=b'{"barcode": "\xff"}').problem(400, "unreadable")
    wrong = {"barcode": "", "location": "nearest", "recipient": {"phone": 5}, "colour": "red"}
    body = client.ask("POST", PACKAGES, wrong).problem(422, "invalid")
    fields = {each["field"] for each in body["errors"]}
    require({"barcode", "recipient.phone", "colour"} <= fields, f"only {sorted(fields)} are named")
    require(all(each["expected"] for each in body["errors"]), "each says what would be right")
    long = b'{"barcode": "' + b"x" * 70_000 + b'"}'
    client.ask("POST", PACKAGES, raw=long).problem(413, "too_large")


@step("refused for a while: 429, 500, 503, and the answer of which nobody knows")
def _for_a_while(client: Client) -> None:
    for error, status in (
        ("too_many_requests", 429),
        ("internal", 500),
        ("unavailable", 503),
        ("outcome_unknown", 503),
    ):
        client.ask("POST", "/v1/sandbox/refusals", {"error": error}).is_(200)
        answer = client.ask("GET", "/v1/packages?limit=1")
        answer.problem(status, error)
        require("retry-after" in answer.headers, "it says when to come again")
        client.ask("GET", "/v1/packages?limit=1").is_(200)
