"""Badges that a carrier's key signs: one text for each, good here and now alone, and nothing that
was cut, glued, changed or spelled otherwise is ever one."""

from __future__ import annotations

from base64 import b32decode, b32encode
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.model.clock import DAY_MS, HOUR_MS, JUMP_MS, Instant
from kiosk.model.person import is_badge
from kiosk.model.signed_badge import (
    LIST_VALID_MS,
    PREFIX,
    TEXT_LENGTH_MAX,
    BadgeError,
    Known,
    SignedBadge,
    UnfitBadgeError,
    Why,
    key_id,
    read,
    require_good,
    sign,
)

NOW_MS = 1_800_000_000_000
NOW = Instant(NOW_MS, 5, "boot", True)
KEY = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes([8]) * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
BADGE = SignedBadge(
    carrier="swift",
    pseudonym="c-48213",
    id="00112233445566ff",
    from_s=NOW_MS // 1000 - 3600,
    until_s=NOW_MS // 1000 + 3600,
    locations=("market",),
    regions=("south",),
)
TEXT = sign(BADGE, KEY)
KNOWN = Known("market", ("south",), NOW_MS - HOUR_MS, PUBLIC)
MINUTE_S = 60


def why(text: str, known: Known = KNOWN, now: Instant = NOW) -> Why | None:
    """Why a text opens no session; None when it does."""
    try:
        require_good(read(text), known, now)
    except BadgeError as error:
        return error.why
    return None


def raw(text: str) -> bytes:
    body = text.removeprefix(PREFIX)
    return b32decode(body + "=" * (-len(body) % 8))


def spelled(whole: bytes) -> str:
    return PREFIX + b32encode(whole).decode().rstrip("=")


def signed_as(body: bytes, key: Ed25519PrivateKey = KEY) -> str:
    """What somebody with the key makes who does not keep to the form."""
    return spelled(body + key.sign(b"parcel-kiosk badge 1\n" + body))


BODY = raw(TEXT)[:-64]


def test_a_badge_says_what_it_was_made_of_and_fits_a_small_code() -> None:
    scanned = read(TEXT)
    assert scanned.says == BADGE
    assert scanned.key_id == key_id(PUBLIC)
    assert require_good(scanned, KNOWN, NOW) == BADGE
    assert len(TEXT) < 224, "a QR code of version 8 with correction M"
    assert is_badge(TEXT)


@pytest.mark.parametrize("around", ["\r\n", "\n", " ", "\t", "\r", "  \r\n"])
def test_what_scanners_put_around_a_code_is_no_part_of_it(around: str) -> None:
    assert why(TEXT + around) is None
    assert why(around + TEXT) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        PREFIX,
        TEXT.removeprefix(PREFIX),
        TEXT.lower(),
        TEXT.replace("PKB1", "pkb1"),
        TEXT.replace("PKB1", "PKB2"),
        TEXT.replace("PKB1", "PKB01"),
        TEXT.replace("PKB1:", "PKB1"),
        f"{TEXT}=",
        f"{TEXT}A",
        f"{TEXT}AAAAAAAA",
        f"{TEXT} {TEXT}",
        TEXT + TEXT,
        f"{TEXT[:60]} {TEXT[60:]}",
        f"{TEXT[:60]}\n{TEXT[60:]}",
        f"{TEXT}\x00",
        f"{TEXT}\u00a0",
        f"\ufeff{TEXT}",
        TEXT[:60] + "０" + TEXT[61:],
        TEXT[:60] + "0" + TEXT[61:],
        TEXT[:60] + "1" + TEXT[61:],
        TEXT[:60] + "8" + TEXT[61:],
        PREFIX + "A" * (TEXT_LENGTH_MAX + 1),
        spelled(b"\x00" * 200),
    ],
)
def test_every_other_spelling_is_unreadable(text: str) -> None:
    assert why(text) is Why.UNREADABLE


def test_bits_beyond_the_last_byte_are_nothing() -> None:
    whole = raw(TEXT)
    while len(whole) % 5 == 0:
        whole = raw(sign(replace(BADGE, pseudonym="c-482130"), KEY))
    text = spelled(whole)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    others = [text[:-1] + each for each in letters if each != text[-1]]
    same = [each for each in others if raw(each) == whole]
    assert same, "Base32 alone takes several texts for the same bytes"
    assert all(why(each) is not None for each in others)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        BODY[:-1],
        BODY + b"\x00",
        b"\x00" + BODY[1:],
        b"\x02" + BODY[1:],
        BODY.replace(b"\x05swift", b"\x05SWIFT"),
        BODY.replace(b"\x05swift", b"\x05swif\n"),
        BODY.replace(b"\x05swift", b"\x05swif\xff"),
        BODY.replace(b"\x05swift", b"\x00"),
        BODY.replace(b"\x05swift", b"\xffswift"),
        BODY.replace(b"\x07c-48213", b"\x08c-48213 "),
        BODY.replace(b"\x01\x06market", b"\x03\x06market"),
        BODY.replace(b"\x02\x01\x06market", b"\x01\x01\x06market"),
        BODY.replace(b"\x02\x01\x06market", b"\x03\x01\x06market"),
        BODY.replace(b"\x02\x01\x06market\x02\x05south", b"\x02\x02\x05south\x01\x06market"),
        BODY.replace(b"\x02\x01\x06market\x02\x05south", b"\x02\x01\x06market\x01\x06market"),
        BODY[:13] + BODY[17:21] + BODY[13:17] + BODY[21:],
    ],
    ids=lambda body: body[20:].hex(),
)
def test_what_does_not_keep_to_the_form_is_no_badge_whoever_signed_it(body: bytes) -> None:
    """Other roles, other fields, other orders, names of nobody: also with the carrier's own key."""
    assert body != BODY
    assert why(signed_as(body)) is Why.UNREADABLE


def test_a_carriers_key_makes_couriers_and_nobody_else() -> None:
    for role in range(256):
        text = signed_as(bytes([role]) + BODY[1:])
        assert (why(text) is None) is (role == 1)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"from_s": BADGE.until_s - 1}, Why.NOT_YET),
        ({"from_s": NOW_MS // 1000 + 1}, Why.NOT_YET),
        ({"until_s": NOW_MS // 1000}, Why.ENDED),
        ({"until_s": NOW_MS // 1000 + 1}, None),
        ({"from_s": NOW_MS // 1000}, None),
        ({"until_s": BADGE.from_s + 31 * 86_400 + 1}, Why.TOO_LONG),
        ({"until_s": BADGE.from_s + 31 * 86_400}, None),
        ({"locations": ("harbour",), "regions": ()}, Why.ELSEWHERE),
        ({"locations": ("marke",), "regions": ("Sout",)}, Why.ELSEWHERE),
        ({"locations": ("harbour",), "regions": ("south",)}, None),
        ({"locations": ("market",), "regions": ()}, None),
        ({"locations": (), "regions": ()}, None),
    ],
)
def test_a_badge_is_good_in_its_time_and_at_its_places(
    change: dict[str, object], expected: Why | None
) -> None:
    assert why(sign(replace(BADGE, **change), KEY)) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"public_key": None}, Why.UNKNOWN_KEY),
        ({"public_key": OTHER_KEY.public_key().public_bytes_raw()}, Why.FORGED),
        ({"public_key": b"short"}, Why.FORGED),
        ({"key_until_ms": NOW_MS}, Why.UNKNOWN_KEY),
        ({"key_until_ms": NOW_MS + 1}, None),
        ({"is_revoked": True}, Why.REVOKED),
        ({"location": "harbour", "regions": ()}, Why.ELSEWHERE),
        ({"confirmed_ms": NOW_MS - LIST_VALID_MS}, None),
        ({"confirmed_ms": NOW_MS - LIST_VALID_MS - 1}, Why.KEYS_OLD),
        ({"confirmed_ms": NOW_MS + JUMP_MS + 1}, Why.CLOCK),
    ],
)
def test_a_badge_is_good_by_what_is_known_here(
    change: dict[str, object], expected: Why | None
) -> None:
    assert why(TEXT, replace(KNOWN, **change)) is expected  # type: ignore[arg-type]


def test_while_nobody_knows_the_time_no_badge_is_good() -> None:
    assert why(TEXT, now=replace(NOW, is_trusted=False)) is Why.CLOCK
    assert why(TEXT, now=replace(NOW, wall_ms=0, is_trusted=False)) is Why.CLOCK
    assert why(TEXT, now=replace(NOW, wall_ms=NOW_MS - 30 * DAY_MS)) is Why.CLOCK


@pytest.mark.parametrize(
    "change",
    [
        {"carrier": "Swift"},
        {"carrier": ""},
        {"carrier": "a" * 33},
        {"pseudonym": ""},
        {"pseudonym": "Kim Larsen"},
        {"pseudonym": "c" * 25},
        {"pseudonym": "c-1\n"},
        {"id": "12"},
        {"id": "00112233445566FF"},
        {"until_s": BADGE.from_s},
        {"until_s": 2**32},
        {"from_s": -1},
        {"locations": ("b", "a")},
        {"locations": ("a", "a")},
        {"regions": ("not a region",)},
        {"locations": tuple(f"l{number:02d}" for number in range(13)), "regions": ()},
        {"locations": tuple(f"l{number}" + "x" * 60 for number in range(9)), "regions": ()},
    ],
)
def test_what_is_no_badge_is_not_made(change: dict[str, object]) -> None:
    with pytest.raises(UnfitBadgeError):
        sign(replace(BADGE, **change), KEY)  # type: ignore[arg-type]


words = st.from_regex(r"\A[0-9A-Za-z][0-9A-Za-z._-]{0,11}\Z")
places = st.lists(words, max_size=4, unique=True).map(lambda each: tuple(sorted(each)))
badges = st.builds(
    SignedBadge,
    carrier=st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,31}\Z"),
    pseudonym=words,
    id=st.binary(min_size=8, max_size=8).map(bytes.hex),
    from_s=st.integers(0, BADGE.from_s),
    until_s=st.integers(BADGE.until_s, 2**32 - 1),
    locations=places,
    regions=places,
)


@given(badge=badges)
def test_whatever_a_badge_says_is_read_back(badge: SignedBadge) -> None:
    assert read(sign(badge, KEY)).says == badge


def test_no_flipped_bit_is_ever_accepted() -> None:
    """All of them, of what is signed and of the signature."""
    whole = raw(TEXT)
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        assert why(spelled(bytes(changed))) is not None, bit


@given(data=st.data())
@settings(max_examples=150)
def test_no_cut_glued_or_mixed_badge_is_ever_accepted(data: st.DataObject) -> None:
    one, other = raw(TEXT), raw(sign(data.draw(badges), KEY))
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(one)), st.integers(0, len(one)))))
    at = data.draw(st.integers(0, len(other)))
    made = data.draw(
        st.sampled_from(
            [
                spelled(one[:start] + one[end:]),
                spelled(one[:start] + other[at:]),
                spelled(one[:start] + one[start:end] * 2 + one[end:]),
                spelled(one[:-64] + other[-64:]),
                spelled(other[:-64] + one[-64:]),
                TEXT[: len(PREFIX) + start] + TEXT[len(PREFIX) + end :],
                TEXT[:end] + TEXT[start:],
            ]
        )
    )
    if made not in (TEXT, spelled(other)):
        assert why(made) is not None


@given(text=st.text("PKB1:ABCDEFGHIJKLMNOPQRSTUVWXYZ234567 \n=", max_size=400))
def test_no_made_up_text_is_ever_accepted_or_breaks_anything(text: str) -> None:
    assert why(text) is Why.UNREADABLE
    assert why(PREFIX + text) is Why.UNREADABLE


@pytest.mark.parametrize("text", ["PKB1:ABC", "PKB2:ABC", "pkb1:abc", " PKB1:A B", "PKB:1"])
def test_a_badge_that_did_not_come_through_well_is_no_package(text: str) -> None:
    assert is_badge(text)


@pytest.mark.parametrize("text", ["PK1:demo:123456789", "PKBX:1", "1Z999AA10123456784", "PKB"])
def test_what_is_no_badge_may_be_a_package(text: str) -> None:
    assert not is_badge(text)
