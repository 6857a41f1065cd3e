"""National telephone numbers belong to the country of the location."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import requests
from click.testing import CliRunner, Result

from central import schema
from central.command_line import cli
from central.sync.projection import configure
from kiosk.sync.client import layout_of
from tests.support.central_server import Journal, Server, announce
from tests.support.postgresql import words_of

NUMBER = "+491710000001"


def say_country(server: Server, country: str, location: str = "") -> None:
    table = schema.location
    change = table.update().values(country=country)
    server.write(lambda c: c.execute(change.where(table.c.id == location) if location else change))


def command(server: Server, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*words_of(server.folder), *arguments])


@pytest.mark.parametrize(
    "written",
    [
        "+49 171 0000001",
        "+49 (0)171 0000001",
        "0049 171 0000001",
        "0171 0000001",
        "\u00a0+49\u00a0171\u00a00000001",
        "tel:+491710000001",
    ],
)
def test_a_number_is_kept_in_one_form_however_it_is_written(
    server: Server, kiosk: Journal, written: str
) -> None:
    say_country(server, "DE")
    answer = announce(server, server.add_key(), "A", recipient={"phone": written})
    assert answer.status_code == 201, answer.text
    assert [row.phone for row in server.rows(schema.recipient)] == [NUMBER]


def test_another_contact_may_be_a_national_number_and_a_wrong_one_names_its_field(
    server: Server, kiosk: Journal
) -> None:
    say_country(server, "US")
    headers = server.add_key()
    package = announce(server, headers, "A").json()["id"]
    url = f"{server.url}/v1/packages/{package}/recipient"
    right = {"phone": "(201) 555-0123"}
    assert requests.put(url, json=right, headers=headers, timeout=20).status_code == 200
    assert "+12015550123" in [row.phone for row in server.rows(schema.recipient)]
    wrong = {"phone": "+1 201 555 0123 ext. 12"}
    refused = requests.put(url, json=wrong, headers=headers, timeout=20)
    assert refused.status_code == 422
    assert [each["field"] for each in refused.json()["problems"]] == ["phone"]


def test_the_kiosk_tells_the_country_and_what_an_operator_wrote_stays(
    server: Server, kiosk: Journal
) -> None:
    name = kiosk.location.id

    def configured(country: str) -> list[str]:
        layout = layout_of(replace(kiosk.location, country=country))
        server.write(lambda c: configure(c, name, layout, country))
        return [row.country for row in server.rows(schema.location)]

    assert configured("AT") == ["AT"]
    say_country(server, "DE", name)
    assert configured("AT") == ["DE"]


def test_a_person_is_found_by_a_national_number_but_never_another_of_that_number(
    server: Server, kiosk: Journal
) -> None:
    say_country(server, "DE")
    headers = server.add_key()
    announce(server, headers, "A", recipient={"phone": NUMBER})
    server.stop()
    kept = json.loads(command(server, "person", "export", NUMBER).output)
    for spelling in ("0171 0000001", "+49 171 0000001"):
        assert json.loads(command(server, "person", "export", spelling).output) == kept
    assert command(server, "location", "add", "vienna", "--country", "AT").exit_code == 0
    server.start()
    announce(server, headers, "B", location="vienna", recipient={"phone": "0171 0000001"})
    server.stop()
    refused = command(server, "person", "export", "0171 0000001").exception
    assert "in several countries" in str(refused)
    assert json.loads(command(server, "person", "export", NUMBER).output) == kept
    server.start()


def test_no_country_that_there_is_not(server: Server) -> None:
    server.stop()
    for wrong in ("de", "Germany", "XX"):
        refused = command(server, "location", "add", "here", "--country", wrong).exception
        assert "ISO 3166" in str(refused), wrong
    server.start()
