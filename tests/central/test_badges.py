"""Couriers who are on no list, from the server to the keypad: keys, badges, what is revoked, codes
of the day."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import zxingcpp
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from central import schema
from central.areas import tree
from central.auth import Role, Scope
from central.badges import keys, revoking, site_codes
from central.badges.keys import KEYS_OF_A_CARRIER
from central.badges.revoking import OF_A_CARRIER_MAX
from central.command_line import cli
from central.errors import RequestError
from central.retention import revoked_badges
from central.sync import carrier_access, moving
from kiosk.model.clock import DAY_MS
from kiosk.model.signed_badge import BadgeError, SignedBadge, read, sign
from kiosk.model.site_code import find, parse_site_code
from kiosk.store import badges
from kiosk.store.writer import Writer
from kiosk.sync.contract import CarrierKeys, StaffPage
from tests.support.central_server import LOCATION, LOCATION_KEY, Server
from tests.support.operators import Browser
from tests.support.staff_lists import ListedAt, add, set_digits

SWIFT = "swift"
KEY = Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32)
PUBLIC = KEY.public_key().public_bytes_raw().hex()


@pytest.fixture
def site(tmp_path: Path, server: Server) -> Iterator[ListedAt]:
    server.add_carrier(SWIFT)
    made = ListedAt(tmp_path / "site", server)
    yield made
    made.journal.store.close()


def add_key(server: Server, public_key: str = "", carrier: str = SWIFT) -> str:
    return str(server.write(keys.add, server.central, "test", carrier, public_key))


def use_codes(server: Server, carrier: str) -> None:
    """Let a carrier's couriers type codes of the day."""
    server.write(lambda c: site_codes.allow(c, server.central, "test", carrier, is_allowed=True))


def why_refused(site: ListedAt, text: str) -> str:
    """Why a badge lets nobody in at the kiosk; "" when it does."""

    def admit(writer: Writer) -> str:
        try:
            badges.admitted(writer, read(text), LOCATION.id)
        except BadgeError as error:
            return error.why.value
        return ""

    return str(site.journal.do(admit))


def ask(server: Server, headers: dict[str, str], **wanted: Any) -> requests.Response:
    return requests.post(
        f"{server.url}/v1/couriers/badges", json=wanted, headers=headers, timeout=20
    )


def badge(server: Server, headers: dict[str, str], pseudonym: str = "c-1", **wanted: Any) -> str:
    answer = ask(server, headers, pseudonym=pseudonym, **wanted)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["text"])


def by_hand(now_ms: int, **change: Any) -> str:
    """A badge of a carrier that keeps its key and signs by itself."""
    now_s = now_ms // 1000
    values: dict[str, Any] = {"carrier": SWIFT, "pseudonym": "c-1", "id": "00" * 8}
    values |= {"from_s": now_s - 60, "until_s": now_s + 3600, **change}
    return sign(SignedBadge(**values), KEY)


def test_a_badge_that_a_carrier_asks_for_is_good_at_the_kiosk(
    site: ListedAt, server: Server
) -> None:
    headers = server.add_key(Scope.COURIERS, carrier=SWIFT)
    refused = ask(server, headers, pseudonym="c-1")
    assert (refused.status_code, refused.json()["error"]) == (409, "no_key")
    add_key(server)
    text = badge(server, headers)
    assert why_refused(site, text) == "UNKNOWN_KEY"
    site.sync()
    assert why_refused(site, text) == ""
    person = site.journal.do(lambda w: badges.admitted(w, read(text), LOCATION.id))
    assert (person.actor, person.carriers, person.name) == ("courier:swift:c-1", (SWIFT,), "c-1")
    assert why_refused(site, badge(server, headers, locations=["elsewhere"][:0])) == ""
    server.add_location("elsewhere")
    assert why_refused(site, badge(server, headers, locations=["elsewhere"])) == "ELSEWHERE"
    assert why_refused(site, badge(server, headers, locations=[LOCATION.id])) == ""
    assert why_refused(site, badge(server, headers, regions=["north"])) == "ELSEWHERE"
    later = server.clock.wall_ms + DAY_MS
    assert why_refused(site, badge(server, headers, valid_from_ms=later)) == "NOT_YET"


NO_BADGES: tuple[tuple[dict[str, Any], int], ...] = (
    ({"pseudonym": "Kim Larsen"}, 422),
    ({"pseudonym": ""}, 422),
    ({"valid_until_ms": -1}, 422),
    ({"locations": ["nowhere"]}, 404),
    ({"regions": ["no region"]}, 422),
    ({"role": "technician"}, 422),
    ({"carrier": "operator"}, 422),
)
TIMES: tuple[tuple[float | None, float, bool], ...] = (
    (0, 31, True),
    (0, 31.01, False),
    (0, 0, False),
    (-2, 1, False),
    (31, 32, True),
    (32, 33, False),
    (None, 31, True),
    (None, 32, False),
    (None, -1, False),
)
"""From when to when, in days from now, and whether a badge may be valid so."""


def test_what_is_no_badge_is_refused_with_its_field(server: Server) -> None:
    server.add_carrier(SWIFT)
    add_key(server)
    headers, now_ms = server.add_key(Scope.COURIERS, carrier=SWIFT), server.clock.wall_ms
    for wanted, status in NO_BADGES:
        answer = ask(server, headers, **({"pseudonym": "c-1"} | wanted))
        assert answer.status_code == status, (wanted, answer.text)
    for from_days, until_days, is_right in TIMES:
        times = {"valid_until_ms": now_ms + round(until_days * DAY_MS)}
        if from_days is not None:
            times["valid_from_ms"] = now_ms + round(from_days * DAY_MS)
        answer = ask(server, headers, pseudonym="c-1", **times)
        assert answer.ok is is_right, (from_days, until_days, answer.text)


def test_a_badge_comes_as_a_picture_that_a_scanner_reads(server: Server) -> None:
    server.add_carrier(SWIFT)
    add_key(server)
    wanted = {"pseudonym": "c-1", "regions": ["south", "north"]}
    for picture, kind in (("png", "image/png"), ("svg", "image/svg+xml")):
        answer = requests.post(
            f"{server.url}/v1/couriers/badges",
            params={"picture": picture},
            json=wanted,
            headers=server.add_key(Scope.COURIERS, carrier=SWIFT),
            timeout=20,
        )
        assert (answer.status_code, answer.headers["content-type"]) == (201, kind)
        if picture == "png":
            [found] = zxingcpp.read_barcodes(Image.open(io.BytesIO(answer.content)))
            assert read(found.text).says.id == answer.headers["x-badge-id"]


# --- keys -----------------------------------------------------------------------------------------


def test_a_carrier_may_keep_its_key_and_sign_by_itself(site: ListedAt, server: Server) -> None:
    assert add_key(server, PUBLIC.upper()) == PUBLIC
    site.sync()
    assert why_refused(site, by_hand(server.clock.wall_ms)) == ""
    headers = server.add_key(Scope.COURIERS, carrier=SWIFT)
    assert ask(server, headers, pseudonym="c-1").json()["error"] == "no_key"
    [row] = server.rows(schema.carrier_key)
    assert row.key_sealed is None


def test_what_is_no_key_of_anybodys_is_refused(server: Server) -> None:
    server.add_carrier(SWIFT)
    small = ("00" * 32, "01" + "00" * 31, "ec" + "ff" * 30 + "7f")
    for public_key in ("12", "zz" * 32, *small):
        with pytest.raises(RequestError, match="public_key"):
            add_key(server, public_key)


def test_a_new_key_is_known_before_it_signs_and_before_the_old_one_goes(
    site: ListedAt, server: Server
) -> None:
    headers = server.add_key(Scope.COURIERS, carrier=SWIFT)
    first = add_key(server)
    site.sync()
    old = badge(server, headers, valid_until_ms=server.clock.wall_ms + 30 * DAY_MS)
    server.clock.wall_ms += 1000
    second = add_key(server)
    before = badge(server, headers)
    assert read(before).key_id == read(old).key_id, "not every kiosk knows the new one yet"
    for _ in range(8):
        server.clock.wall_ms += DAY_MS
        site.journal.clock.wall_ms += DAY_MS
        site.sync()
    after = badge(server, headers)
    assert read(after).key_id != read(old).key_id
    assert why_refused(site, old) == why_refused(site, after) == ""
    until_ms = server.clock.wall_ms + DAY_MS
    server.write(keys.end, server.central, "test", SWIFT, first, until_ms)
    site.sync()
    assert why_refused(site, old) == ""
    site.journal.clock.wall_ms += 2 * DAY_MS
    assert why_refused(site, old) == "UNKNOWN_KEY", "also while the network is down"
    assert why_refused(site, after) == ""
    server.write(keys.end, server.central, "test", SWIFT, second)
    site.sync()
    assert why_refused(site, after) == "UNKNOWN_KEY"


def test_a_key_that_is_known_already_or_one_too_many_is_refused(
    site: ListedAt, server: Server
) -> None:
    server.add_carrier("tortoise")
    add_key(server, PUBLIC)
    for carrier in (SWIFT, "tortoise"):
        with pytest.raises(RequestError, match="known already"):
            add_key(server, PUBLIC, carrier)
    for _ in range(KEYS_OF_A_CARRIER - 1):
        add_key(server)
    with pytest.raises(RequestError, match="end one of them first"):
        add_key(server)
    with pytest.raises(RequestError, match="nobody"):
        add_key(server, "", "nobody")


def test_private_keys_lie_sealed_and_are_in_no_answer(site: ListedAt, server: Server) -> None:
    public_key = add_key(server)
    [row] = server.rows(schema.carrier_key)
    private = server.central.secrets.open(row.key_sealed)
    assert private not in row.key_sealed
    headers = server.add_key(Scope.COURIERS, carrier=SWIFT)
    answer = requests.get(f"{server.url}/v1/couriers/keys", headers=headers, timeout=20)
    assert [each["public_key"] for each in answer.json()] == [public_key]
    assert private.hex() not in answer.text


# --- revoking -------------------------------------------------------------------------------------


def test_what_is_revoked_lets_nobody_in_and_ends_with_the_badge(
    site: ListedAt, server: Server
) -> None:
    headers = server.add_key(Scope.COURIERS, carrier=SWIFT)
    add_key(server)
    one, other = badge(server, headers, "c-1"), badge(server, headers, "c-2")
    url = f"{server.url}/v1/couriers/revocations"
    made = requests.post(url, json={"badge": one}, headers=headers, timeout=20)
    assert made.status_code == 201
    assert made.json()["badge"] == read(one).says.id
    assert made.json()["until_ms"] == read(one).says.until_s * 1000
    site.sync()
    assert (why_refused(site, one), why_refused(site, other)) == ("REVOKED", "")
    courier = requests.post(url, json={"pseudonym": "c-2"}, headers=headers, timeout=20).json()
    site.sync()
    assert why_refused(site, other) == "REVOKED"
    listed = requests.get(url, headers=headers, timeout=20).json()
    assert {each["id"] for each in listed} == {made.json()["id"], courier["id"]}
    gone = requests.delete(f"{url}/{courier['id']}", headers=headers, timeout=20)
    assert gone.status_code == 204
    site.sync()
    assert why_refused(site, other) == ""
    server.clock.wall_ms += 8 * DAY_MS
    assert requests.get(url, headers=headers, timeout=20).json() == []
    rules = server.central.settings.retention
    assert server.write(revoked_badges, rules, server.clock.wall_ms) == 1
    assert server.rows(schema.revoked_badge) == []


def test_what_names_no_badge_is_not_revoked(server: Server) -> None:
    server.add_carrier(SWIFT)
    headers = server.add_key(Scope.COURIERS, carrier=SWIFT)
    url = f"{server.url}/v1/couriers/revocations"
    for wanted in (
        {},
        {"badge": "x"},
        {"badge": "PKB1:ABC"},
        {"badge": "00" * 8, "pseudonym": "c-1"},
        {"pseudonym": "no one"},
        {"pseudonym": "c-1", "until_ms": 5},
    ):
        answer = requests.post(url, json=wanted, headers=headers, timeout=20)
        assert answer.status_code == 422, wanted


def test_one_carrier_sees_and_revokes_nothing_of_another(site: ListedAt, server: Server) -> None:
    server.add_carrier("tortoise")
    add_key(server)
    mine = server.add_key(Scope.COURIERS, carrier=SWIFT)
    others = server.add_key(Scope.COURIERS, carrier="tortoise")
    text = badge(server, mine)
    url = f"{server.url}/v1/couriers/revocations"
    assert requests.post(url, json={"badge": text}, headers=others, timeout=20).status_code == 422
    known = read(text).says.id
    assert requests.post(url, json={"badge": known}, headers=others, timeout=20).ok
    assert requests.post(url, json={"pseudonym": "c-1"}, headers=others, timeout=20).ok
    site.sync()
    assert why_refused(site, text) == "", "a revocation is of the carrier's own badges"
    made = requests.post(url, json={"badge": text}, headers=mine, timeout=20).json()
    answer = requests.delete(f"{url}/{made['id']}", headers=others, timeout=20)
    assert answer.status_code == 404
    listed = f"{server.url}/v1/couriers/keys"
    assert requests.get(listed, headers=others, timeout=20).json() == []


def test_the_list_of_what_is_revoked_is_short(
    site: ListedAt, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert OF_A_CARRIER_MAX <= 500
    monkeypatch.setattr(revoking, "OF_A_CARRIER_MAX", 3)
    for number in range(3):
        server.write(revoking.revoke, server.central, "test", SWIFT, "", f"c-{number}")
    with pytest.raises(RequestError, match="end the key"):
        server.write(revoking.revoke, server.central, "test", SWIFT, "", "c-4")


# --- kiosks ---------------------------------------------------------------------------------------


def test_a_disabled_carriers_couriers_are_let_in_nowhere(site: ListedAt, server: Server) -> None:
    from central import carrier_changes

    add_key(server, PUBLIC)
    use_codes(server, SWIFT)
    site.sync()
    assert site.journal.do(badges.site_code_carriers) == [SWIFT]
    server.write(carrier_changes.disable, server.central, "test", SWIFT)
    site.sync()
    assert why_refused(site, by_hand(server.clock.wall_ms)) == "UNKNOWN_KEY"
    assert site.journal.do(badges.site_code_carriers) == []


def test_a_kiosk_of_an_earlier_version_passes_over_what_it_does_not_know(
    site: ListedAt, server: Server
) -> None:
    add_key(server)
    add(server, "17")
    page = StaffPage.model_validate(
        {
            "since": 0,
            "version": 5,
            "is_whole": True,
            "has_more": False,
            "digits": 2,
            "carrier_keys": {"keys": [], "of_a_newer_version": 1},
        }
    )
    assert page.carrier_keys == CarrierKeys()
    earlier = {name for name in StaffPage.model_fields if name != "carrier_keys"}
    assert earlier <= set(page.model_dump()), "what it knew is there as it was"
    site.sync()
    assert site.numbers() == {"17"}


def test_a_kiosk_that_enrols_elsewhere_knows_no_key_of_before(
    site: ListedAt, server: Server
) -> None:
    from kiosk.store import staff

    add_key(server, PUBLIC)
    site.sync()
    assert why_refused(site, by_hand(server.clock.wall_ms)) == ""
    site.journal.do(staff.forget_server_list)
    assert why_refused(site, by_hand(server.clock.wall_ms)) == "UNKNOWN_KEY"
    site.sync()
    assert why_refused(site, by_hand(server.clock.wall_ms)) == ""


def test_a_badge_for_a_region_is_good_in_the_areas_within_it(
    site: ListedAt, server: Server
) -> None:
    now_ms = server.clock.wall_ms
    for name, parent in (("south", ""), ("munich", "south"), ("north", "")):
        server.write(tree.add, name, name, parent, "test", now_ms)
    add_key(server, PUBLIC)
    server.write(moving.put_location, LOCATION.id, "munich", "test", now_ms)
    site.sync()
    said = {name: why_refused(site, by_hand(now_ms, regions=(name,))) for name in AREAS}
    assert said == {"south": "", "munich": "", "north": "ELSEWHERE"}
    server.write(moving.put_location, LOCATION.id, "north", "test", now_ms)
    site.sync()
    assert why_refused(site, by_hand(now_ms, regions=("south",))) == "ELSEWHERE"


AREAS = ("south", "munich", "north")


def test_what_a_kiosk_keeps_does_not_grow_with_badges(site: ListedAt, server: Server) -> None:
    headers = server.add_key(Scope.COURIERS, carrier=SWIFT)
    add_key(server)
    for number in range(20):
        badge(server, headers, f"c-{number}")
    before = site.version()
    site.sync()
    version = site.version()
    for number in range(20):
        badge(server, headers, f"d-{number}")
    site.sync()
    assert site.version() == version != before
    here = server.central.database.read(
        carrier_access.of_location, LOCATION.id, "", server.clock.wall_ms
    )
    assert len(here.model_dump_json()) < 300


# --- the site's code ------------------------------------------------------------------------------


def test_a_carriers_code_of_the_day_is_the_kiosks(site: ListedAt, server: Server) -> None:
    headers = server.add_key(Scope.COURIERS, carrier=SWIFT)
    url = f"{server.url}/v1/locations/{LOCATION.id}/courier-code"
    refused = requests.get(url, headers=headers, timeout=20)
    assert (refused.status_code, refused.json()["error"]) == (409, "no_site_codes")
    use_codes(server, SWIFT)
    set_digits(server, 4)
    site.sync()
    today = requests.get(url, headers=headers, timeout=20).json()
    assert re.fullmatch("0000[0-9]{8}", today["code"])
    digits = parse_site_code(today["code"], 4)
    assert digits is not None
    carriers = site.journal.do(badges.site_code_carriers)
    where = (LOCATION_KEY, LOCATION.id, LOCATION.time_zone)
    now = site.journal.clock.now()
    code = find(digits, carriers, *where, now)
    assert code is not None and code.carrier == SWIFT
    tomorrow = requests.get(url, params={"day": "1999-01-01"}, headers=headers, timeout=20)
    assert tomorrow.status_code == 422
    missing = url.replace(LOCATION.id, "nowhere")
    assert requests.get(missing, headers=headers, timeout=20).status_code == 404
    other = server.add_key(Scope.COURIERS)
    use_codes(server, "operator")
    assert requests.get(url, headers=other, timeout=20).json()["code"] != today["code"]


# --- operators ------------------------------------------------------------------------------------


def test_an_administrator_does_all_of_it_on_a_page(site: ListedAt, server: Server) -> None:
    browser = Browser(server, Role.ADMIN)
    assert "None yet" in browser.get(f"/badges/{SWIFT}").text
    assert "The key is known" in browser.post(f"/badges/{SWIFT}/keys").text
    shown = browser.post(f"/badges/{SWIFT}", pseudonym="c-7", days="2", locations="", regions="")
    found = re.search(r"PKB1:[A-Z2-7]+", shown.text)
    assert found is not None
    assert "image/svg+xml" in shown.text and "image/png" in shown.text
    site.sync()
    assert why_refused(site, found[0]) == ""
    assert "Revoked" in browser.post(f"/badges/{SWIFT}/revoked", badge=found[0]).text
    site.sync()
    assert why_refused(site, found[0]) == "REVOKED"
    [row] = server.rows(schema.revoked_badge)
    browser.post(f"/badges/{SWIFT}/revoked/{row.id}/good-again")
    assert (
        "codes of the day are on"
        in browser.post(f"/badges/{SWIFT}/codes", are_on="true").text.lower()
    )
    [key] = server.rows(schema.carrier_key)
    browser.post(f"/badges/{SWIFT}/keys/end", public_key=key.public_key, day="")
    site.sync()
    assert why_refused(site, found[0]) == "UNKNOWN_KEY"
    refused = browser.post(f"/badges/{SWIFT}", pseudonym="Kim Larsen")
    assert "no key here" in refused.text
    actions = {row.action for row in server.rows(schema.audit)}
    assert {"badge.key.add", "badge.issue", "badge.revoke", "badge.key.end"} <= actions


def run(server: Server, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--data", str(server.folder), *arguments])


@pytest.mark.sqlite_only("the command line opens the data folder's own database")
def test_all_of_it_by_commands(site: ListedAt, server: Server, tmp_path: Path) -> None:
    assert "kept by the server\tsigns" in run(server, "badge", "key", SWIFT).output
    picture = tmp_path / "badge.png"
    issued = run(server, "badge", "issue", SWIFT, "c-9", "--days", "31", "--picture", str(picture))
    assert issued.exit_code == 0, issued.output
    text = issued.stdout.splitlines()[0]
    [found] = zxingcpp.read_barcodes(Image.open(picture))
    assert found.text == text
    says = read(text).says
    assert (says.pseudonym, says.until_s - says.from_s) == ("c-9", 31 * 86_400)
    assert run(server, "badge", "revoke", SWIFT, "--courier", "c-9").exit_code == 0
    assert "courier c-9" in run(server, "badge", "revoked", SWIFT).output
    assert run(server, "badge", "codes", SWIFT, "on").exit_code == 0
    site.sync()
    code = run(server, "badge", "code", SWIFT, LOCATION.id).output.strip()
    assert parse_site_code(code, 2) is not None
    own = tmp_path / "own.pem"
    public_key = run(server, "badge", "new-key", str(own)).output.strip()
    assert own.stat().st_mode & 0o077 == 0
    assert run(server, "badge", "new-key", str(own)).exit_code != 0, "a key is never overwritten"
    assert (
        "kept by the carrier"
        in run(server, "badge", "key", SWIFT, "--public-key", public_key).output
    )
    signed = run(server, "badge", "sign", str(own), SWIFT, "c-10").stdout.strip()
    assert read(signed).says.pseudonym == "c-10"
    assert run(server, "badge", "key", SWIFT, "--end", public_key).exit_code == 0
    assert run(server, "badge", "issue", SWIFT, "Kim Larsen").exit_code != 0
