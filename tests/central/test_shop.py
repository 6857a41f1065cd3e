"""The shop that a package comes from: announced, said to its recipient, and forgotten with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from sqlalchemy import text

from central import privacy, schema
from central.notify.outbox import Kind
from central.notify.short_texts import parts
from central.notify.words import texts
from tests.support.central_server import Journal, Mailbox, Server, announce, text_of
from tests.support.messages import LANGUAGES, message_of
from tests.support.operators import obey, sync

SHOP = "Bücher & <b>Söhne</b>"


@pytest.fixture
def server(tmp_path: Path, mailbox: tuple[int, Mailbox]) -> Iterator[Server]:
    made = Server(tmp_path / "central", smtp_port=mailbox[0], is_public=True)
    made.start()
    yield made
    made.stop()


def test_a_recipient_reads_from_which_shop_it_is(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    key = server.add_key()
    answer = announce(server, key, "A", shop=SHOP)
    assert answer.json()["shop"] == SHOP
    assert announce(server, key, "B").json()["shop"] is None
    obey(kiosk)
    kiosk.put_in("A")
    sync(kiosk)
    [mail] = mailbox[1].wait_for(1)
    assert f"From: {SHOP}\n" in text_of(mail)
    link = re.search(r"http://\S+/mine/\S+", text_of(mail))
    assert link is not None
    assert "Bücher &amp; &lt;b&gt;Söhne" in requests.get(link[0], timeout=20).text
    raw = server.write(
        lambda found: found.execute(text("SELECT shop FROM package")).scalars().all()
    )
    assert not [each for each in raw if "Söhne" in each], "it lies there sealed"


@pytest.mark.parametrize("wrong", ["", "x" * 61, "two\nlines", 7])
def test_a_shop_is_a_short_name_on_one_line(server: Server, kiosk: Journal, wrong: object) -> None:
    answer = announce(server, server.add_key(), "A", shop=wrong)
    assert answer.status_code == 422
    assert "shop" in answer.text


def test_it_is_forgotten_with_its_recipient(server: Server, kiosk: Journal) -> None:
    announce(server, server.add_key(), "A", shop=SHOP)
    everybody = schema.recipient.c.erased_ms.is_(None)
    server.write(lambda found: privacy.forget(found, everybody, server.clock.wall_ms))
    assert [row.shop for row in server.rows(schema.package)] == [""]


@pytest.mark.parametrize("language", LANGUAGES)
def test_mail_and_page_name_it_and_a_name_from_right_to_left_turns_nothing(language: str) -> None:
    message = message_of(Kind.STORED, language, shop="متجر <1>")
    label = texts(language)["all"]["shop"]
    assert re.search(rf"{label}\W+\u2068متجر <1>\u2069", message.text)
    assert "متجر &lt;1&gt;" in message.html
    assert "<1>" not in message.html


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_sms_names_it_where_that_costs_no_part(language: str) -> None:
    plain = message_of(Kind.CODE, language)
    named = message_of(Kind.CODE, language, shop="Ada")
    long = message_of(Kind.CODE, language, shop="A" * 60)
    assert parts(named.short) == parts(plain.short) == parts(long.short)
    with_it = f"\u2068Ada\u2069, {plain.short}" if language == "ar" else f"Ada, {plain.short}"
    assert ("Ada" in named.short) == (parts(with_it) == parts(plain.short))
    assert "AAAA" not in long.short or parts("A" * 60 + plain.short) == parts(plain.short)
