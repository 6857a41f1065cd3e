"""E-mails as a mail server gets them: their headers and parts, the owner's brand, and a text that
says all that the page says."""

from __future__ import annotations

import io
import re
import struct
import zlib
from email.header import decode_header, make_header
from email.message import Message as Mail
from html import unescape
from pathlib import Path

import pytest
from PIL import Image
from pydantic import ValidationError

from central import schema
from central.notify.outbox import Kind
from central.notify.words import texts
from central.settings import Brand, Smtp
from tests.support.central_server import LOCATION, Journal, Mailbox, Server, announce, text_of
from tests.support.messages import LANGUAGES, OF_A_PACKAGE, message_of
from tests.support.operators import obey, sync

OWNER = 'Stadtwerke "Süd"'


def logo_file(folder: Path) -> Path:
    file = folder / "logo.png"
    Image.new("RGB", (200, 100), "#c40d1e").save(file)
    return file


def parts_of(mail: Mail) -> list[str]:
    return [part.get_content_type() for part in mail.walk()]


def payload_of(mail: Mail, kind: str) -> list[bytes]:
    found = [part.get_payload(decode=True) for part in mail.walk()]
    kinds = parts_of(mail)
    return [
        each
        for each, of_kind in zip(found, kinds, strict=True)
        if of_kind == kind and isinstance(each, bytes)
    ]


def test_a_mail_says_who_sends_it_and_is_known_to_mail_programs(
    tmp_path: Path, mailbox: tuple[int, Mailbox]
) -> None:
    brand = Brand(name=OWNER, colour="#c40d1e", logo=logo_file(tmp_path), help_phone="+49 30 55")
    server = Server(tmp_path / "branded", is_public=True, others={"brand": brand})
    server.smtp_port = mailbox[0]
    server.reply_to = "Help <help@example.org>"
    server.start()
    kiosk = Journal(tmp_path / "branded.db")
    try:
        assert kiosk.enrol(server, server.add_location()).ok
        listing = {"directions": "Behind the bakery", "opening_hours": "24/7"}
        of_it = schema.location_listing.insert().values(location=LOCATION.id, **listing)
        server.write(lambda c: c.execute(of_it))
        person = {"name": "Eva", "email": "eva@example.org", "language": "de"}
        announce(server, server.add_key(), "A", recipient=person)
        obey(kiosk)
        kiosk.put_in("A")
        sync(kiosk)
        mail = mailbox[1].wait_for(1)[0]
    finally:
        kiosk.store.close()
        server.stop()
    assert mail["From"] == "Lockers <lockers@example.org>"
    assert mail["Reply-To"] == "Help <help@example.org>"
    list_id = str(make_header(decode_header(mail["List-Id"])))
    assert list_id == f"{OWNER} <packages.example.org>"
    assert re.fullmatch(r"<[0-9a-f-]{36}@example\.org>", mail["Message-ID"])
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == "de"
    assert mail["List-Unsubscribe"] is None, "a code is nothing that one unsubscribes from"
    assert parts_of(mail) == [
        *("multipart/alternative", "text/plain", "multipart/related"),
        *("text/html", "image/png", "image/png"),
    ]
    qr, logo = payload_of(mail, "image/png")
    assert Image.open(io.BytesIO(qr)).size[0] > 200
    assert logo == (tmp_path / "logo.png").read_bytes()
    html = payload_of(mail, "text/html")[0].decode()
    assert 'src="cid:logo"' in html
    assert "#c40d1e" in html
    for text in (text_of(mail), unescape(html)):
        for said in (OWNER, "Guten Tag Eva", "Behind the bakery", "Tag und Nacht", "+49 30 55"):
            assert said in text
    assert 'href="tel:+493055"' in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_text_says_all_that_the_page_says(language: str) -> None:
    for kind in OF_A_PACKAGE:
        message = message_of(kind, language)
        body = message.html.split("<body", 1)[1].replace("&ensp;", " ")
        body = re.sub(r"<h1.*?</h1>|<div style=\"display:none.*?</div>", "", body, flags=re.S)
        shown = {unescape(each).strip() for each in re.findall(r">([^<>]+)<", body)} - {"", "·"}
        text = message.text
        only_beside_a_picture = ("code_label", "code_hint")
        words = {texts(language)["all"][each] for each in only_beside_a_picture}
        missing = [each for each in shown - words if each not in text]
        assert missing == [], f"{kind} in {language}"
        assert {unescape(each) for each in re.findall(r'href="(http[^"]*)"', body)} <= set(
            re.findall(r"https?://[^\s\u2066-\u2069]+", text)
        )


@pytest.mark.parametrize(
    ("kind", "asks"), [(Kind.RETRIEVED, True), (Kind.CANCELLED, False), (Kind.STORED, False)]
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_who_is_asked_to_call_reads_the_number_there(language: str, kind: Kind, asks: bool) -> None:
    paragraphs = message_of(kind, language).text.split("\n\n")[1]
    assert ("+49 30 1234567" in paragraphs) is asks


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"colour": "red"}, "colour"),
        ({"logo": Path("/nowhere/logo.png")}, "right is a PNG"),
        ({"name": "x" * 81}, "name"),
    ],
)
def test_a_brand_that_no_message_could_show_is_refused(
    values: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        Brand.model_validate(values)


def test_a_small_file_that_says_it_is_huge_is_refused(tmp_path: Path) -> None:
    file, head = tmp_path / "logo.png", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b""))

    with pytest.raises(ValueError, match="is no such picture: right is a PNG"):
        Brand(logo=file)


def chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG (RFC 2083)."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_a_logo_of_another_kind_or_too_large_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "logo.gif"
    Image.new("RGB", (10, 10)).save(other)
    large = tmp_path / "large.png"
    large.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50_000))
    for file in (other, large):
        with pytest.raises(ValidationError, match="right is a PNG of 40 KB at most"):
            Brand(logo=file)


def test_an_address_for_answers_is_one() -> None:
    with pytest.raises(ValidationError, match="no e-mail address"):
        Smtp(host="x", sender="a@example.org", reply_to="nobody")
