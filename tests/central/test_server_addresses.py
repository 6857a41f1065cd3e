"""A server with several addresses: the kiosk goes on to the next, and back to the first in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from central import schema
from config import DEMO_SITE, ConfigError, load_site
from kiosk import app, retirement
from kiosk.adapters import location_key
from kiosk.server_link import enrol_kiosk, transport_of
from kiosk.store.writer import ChainHead
from kiosk.sync.client import SyncClient
from kiosk.sync.enrol import EnrolError, enrol, identity_in
from kiosk.sync.journal_import import RecallError, recall
from kiosk.sync.servers import FIRST_AGAIN, Servers, servers_of
from kiosk.sync.transport import Transport
from tests.central.test_kiosk_client import Hatch, Site, ask_for_opening
from tests.support.bad_network import BadNetwork
from tests.support.central_server import LOCATION, LOCATION_KEY, Server, wait_until
from tests.support.cutting_proxy import CuttingProxy

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def site(tmp_path: Path, server: Server) -> Iterator[Site]:
    made = Site(tmp_path / "site", server)
    yield made
    made.journal.store.close()


def client_of(site: Site, *urls: str, doors: Hatch | None = None) -> SyncClient:
    client = site.client(doors)
    client._servers = Servers(urls)
    return client


def test_the_next_address_takes_over_and_the_first_one_is_asked_again_in_time(
    site: Site, server: Server
) -> None:
    first, second = CuttingProxy(server.port), CuttingProxy(server.port)
    client = client_of(site, first.url, second.url)
    client.sync_once()
    assert client.state.url == first.url
    first.stop()
    with pytest.raises(requests.ConnectionError):
        client.sync_once()
    for barcode in "ABC":
        site.journal.put_in(barcode)
        client.sync_once()
        assert client.state.url == second.url
    for _ in range(2 * FIRST_AGAIN):
        client.sync_once()  # the first one is tried in between, and nothing fails
    again = CuttingProxy(server.port, first.port)
    for _ in range(4 * FIRST_AGAIN):
        client.sync_once()
    assert client.state.url == first.url
    assert again.made == 1
    assert site.is_equal()
    for proxy in (again, second):
        proxy.stop()


def test_a_kiosk_that_waits_goes_on_to_the_next_address_by_itself(
    site: Site, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.sync.waiting.SPREAD_S", 0.5)
    first, second, hatch = CuttingProxy(server.port), CuttingProxy(server.port), Hatch()
    with client_of(site, first.url, second.url, doors=hatch):
        wait_until(lambda: bool(server.app.state.bells.count))
        first.stop()
        wait_until(lambda: second.made > 0)
        wait_until(lambda: bool(server.app.state.bells.count))
        ask_for_opening(server, "7")
        wait_until(lambda: hatch.opened == ["7"])
    second.stop()


def test_what_is_no_proper_answer_is_a_reason_to_go_on_too(site: Site, server: Server) -> None:
    network = BadNetwork(server.url, 1)
    network.is_well = True
    client = client_of(site, network.url, server.url)
    for fault in ("error", "nonsense", "cut answer"):
        client._servers = Servers((network.url, server.url))
        network.next_faults = [fault, fault]
        with pytest.raises(Exception, match=r".") as found:
            client.sync_once()
        assert isinstance(found.value, (requests.RequestException, ValueError))
        client.sync_once()
        assert client.state.url == server.url
    network.stop()


def test_a_kiosk_enrols_where_its_server_is_reached(tmp_path: Path, server: Server) -> None:
    line = Transport(urls=(NOBODY, server.url))
    token = server.add_location()
    identity = enrol(tmp_path, LOCATION, LOCATION_KEY, NOBODY, token, line)
    assert identity.url == server.url
    assert identity_in(tmp_path) == identity
    with pytest.raises(EnrolError, match="not reached"):
        enrol(tmp_path, LOCATION, LOCATION_KEY, NOBODY, token, Transport(urls=(NOBODY,)))


def test_a_token_that_may_have_arrived_is_not_sent_to_another_address(
    tmp_path: Path, server: Server
) -> None:
    """It is good once: the other address would only say that it was used."""
    network, other = BadNetwork(server.url, 1), BadNetwork(server.url, 1)
    network.is_well = other.is_well = True
    network.next_faults = ["pass", "pass", "lose answer"]
    token = server.add_location()
    with pytest.raises(EnrolError, match=f"{network.url}: the server is not reached"):
        enrol(tmp_path, LOCATION, LOCATION_KEY, network.url, token, Transport(urls=(other.url,)))
    assert not other.happened
    for each in (network, other):
        each.stop()


def test_a_restored_kiosk_asks_each_address(site: Site, server: Server) -> None:
    site.journal.put_in("A")
    site.sync()
    identity = identity_in(site.folder)
    assert identity is not None
    epoch = site.journal.head().epoch
    with servers_of(Transport(urls=(NOBODY, server.url)), identity.url) as servers:
        batches = recall(servers, identity, ChainHead(epoch)).batches
        assert len([each for batch in batches for each in batch]) == site.journal.head().seq
    with (
        Servers((NOBODY, "https://no-such-host.invalid")) as servers,
        pytest.raises(RecallError, match=r"nobody listens there.*nor at https://no-such-host"),
    ):
        recall(servers, identity, ChainHead(epoch))


def test_a_machine_that_is_retired_notifies_its_server_at_any_address(
    tmp_path: Path, server: Server
) -> None:
    data, site = tmp_path / "kiosk", load_site(DEMO_SITE)
    app.make_kiosk(site, data)
    enrol_kiosk(site, data, server.url, server.add_location(site.location.id))
    identity = identity_in(data)
    network = BadNetwork(server.url, 1)
    network.next_faults = ["lose answer"]
    key = location_key(data / "location.key", may_make=False)
    progress = retirement.begin(key, {}, is_forced=False)
    line = Transport(urls=(NOBODY, network.url, server.url))
    done = retirement.notify(data, identity, line, progress)
    assert done.is_server_notified, "the answer was lost, and the next address knows it as done"
    assert server.rows(schema.location)[0].retired_ms
    network.stop()


# --- the site file --------------------------------------------------------------------------------


def site_file(folder: Path, text: str) -> Path:
    path = folder / "site.toml"
    path.write_text(
        f"{DEMO_SITE.read_text(encoding='utf-8')}\n[server]\n{text}\n", encoding="utf-8"
    )
    return path


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("", ()),
        ('url = "https://a.example/"', ("https://a.example",)),
        (
            'url = ["https://a.example", "https://b.example:8443/lockers"]',
            ("https://a.example", "https://b.example:8443/lockers"),
        ),
    ],
)
def test_a_site_file_names_one_address_or_several(
    tmp_path: Path, text: str, urls: tuple[str, ...]
) -> None:
    assert transport_of(load_site(site_file(tmp_path, text)), tmp_path).urls == urls


@pytest.mark.parametrize("url", ["a.example", "ftp://a.example", "https://a?b", "https://u@a", ""])
def test_what_is_no_address_is_a_mistake_with_its_place(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"url.*the server's address"):
        load_site(site_file(tmp_path, f'url = ["https://a.example", "{url}"]'))


def test_every_address_holds_to_the_rule_of_tls(tmp_path: Path) -> None:
    urls = ("https://a.example", "http://b.example")
    site = load_site(site_file(tmp_path, f"url = {list(urls)}"))
    with pytest.raises(requests.RequestException, match=r"b\.example: http is in plain text"):
        servers_of(transport_of(site, tmp_path), urls[0]).require_safe()
    allowed = replace(transport_of(site, tmp_path), allow_plain_http=True)
    servers_of(allowed, urls[0]).require_safe()
