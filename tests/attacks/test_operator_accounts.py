"""Operators' accounts under attack: stolen cookies, guessed passwords and codes, forged forms.

Each attack has the owner beside it, who gets in meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from fastapi.routing import APIRoute

from central import schema
from central.app import ROUTERS
from central.auth import Role
from central.errors import RequestError
from central.operators import accounts, factors, passwords, throttle
from central.pages.paths import HOME
from central.pages.session import COOKIE, DEVICE_COOKIE
from central.pages.sign_in import GUESSES
from central.settings import SignIn
from tests.support.central_server import Server
from tests.support.operators import PASSWORD, Visitor, account

OTHER_PASSWORD = "staple battery horse"
RULES = SignIn(tries=3, wait_first_s=5, wait_longest_s=60)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("accounts") / "central", sign_in=RULES)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def neighbour(server: Server) -> Visitor:
    return signed_in(server, "neighbour")


def account_id(visitor: Visitor) -> str:
    found = visitor.server.central.database.read(accounts.known, visitor.email)
    return str(found)


def signed_in(server: Server, name: str, role: Role = Role.OPERATOR) -> Visitor:
    visitor = account(server, name, role)
    assert visitor.sign_in().ok
    return visitor


# --- stolen sessions ---------------------------------------------------------------------------


def test_a_copied_cookie_is_worth_nothing_after_the_owner_signed_out(server: Server) -> None:
    owner = signed_in(server, "copied")
    other = owner.elsewhere("198.51.100.9")
    other.sign_in()
    thief = owner.copied()
    assert thief.is_in()
    owner.post("/sign-out")
    assert not thief.is_in()
    assert not owner.is_in()
    assert other.is_in(), "a session elsewhere goes on"


def change_password(owner: Visitor) -> None:
    said = owner.post(
        "/account/password", current=PASSWORD, password=OTHER_PASSWORD, again=OTHER_PASSWORD
    )
    assert "The password is changed" in said.text
    assert owner.is_in(), "the one who changes it goes on"


def use_link(owner: Visitor) -> None:
    server = owner.server
    token = server.write(passwords.make_link, server.central, "test", account_id(owner))
    form = {"password": OTHER_PASSWORD, "again": OTHER_PASSWORD}
    assert owner.elsewhere().post(f"/link/{token}", at=f"/link/{token}", **form).ok


def change_role(owner: Visitor) -> None:
    server = owner.server
    server.write(accounts.set_role, server.central, "test", account_id(owner), Role.VIEWER)


def disable(owner: Visitor) -> None:
    owner.server.write(accounts.disable_user, owner.server.central, "test", account_id(owner))


def reset_factor(owner: Visitor) -> None:
    owner.server.write(factors.reset, owner.server.central, "test", account_id(owner))


def end_others(owner: Visitor) -> None:
    assert "Your other sessions have ended" in owner.post("/account/sign-out-others").text
    assert owner.is_in()


def set_app_up(owner: Visitor) -> None:
    assert owner.set_app_up()
    assert owner.is_in()


@pytest.mark.parametrize(
    "change",
    [change_password, use_link, change_role, disable, reset_factor, end_others, set_app_up],
    ids=lambda change: change.__name__,
)
def test_what_changes_an_account_ends_its_sessions(
    server: Server, neighbour: Visitor, change: Callable[[Visitor], None]
) -> None:
    owner = signed_in(server, change.__name__)
    elsewhere = owner.elsewhere()
    elsewhere.sign_in()
    thief = owner.copied()
    change(owner)
    assert not elsewhere.is_in()
    assert not thief.is_in(), "also the cookie that the owner had before"
    assert neighbour.is_in()


def test_a_session_ends_when_nobody_uses_it_and_after_its_whole_time(server: Server) -> None:
    idle, busy, left_open = (signed_in(server, name) for name in ("idle", "busy", "left-open"))
    for _ in range(RULES.session_s // RULES.idle_s * 2):
        server.clock.wall_ms += RULES.idle_s * 500
        assert busy.is_in()
        # A page that is left open asks for its parts again and again: that is no use of it.
        left_open.get("/packages", **{"hx-request": "true"})
    assert not idle.is_in()
    assert not left_open.is_in()
    server.clock.wall_ms += 2
    assert not busy.is_in()
    assert left_open.sign_in().url == f"{server.url}{HOME}"


def test_a_cookie_that_somebody_planted_is_not_the_session(server: Server) -> None:
    owner = account(server, "planted")
    attacker = signed_in(server, "planting")
    for planted in ("session_of-mine", attacker.http.cookies[COOKIE]):
        owner.http.cookies.clear()
        owner.http.cookies.set(COOKIE, planted, domain="127.0.0.1", path="/")
        owner.sign_in()
        assert owner.http.cookies[COOKIE] != planted
        assert owner.email in owner.get("/account").text
    assert not attacker.is_in(), "the session that was replaced has ended"


# --- the second factor -------------------------------------------------------------------------


def test_with_the_password_alone_nothing_is_seen_or_done(server: Server) -> None:
    owner = signed_in(server, "half", Role.ADMIN)
    owner.set_app_up()
    thief = owner.elsewhere()
    assert thief.sign_in().url.endswith("/sign-in/factor")
    [token] = set(re.findall(r'name="form_token" value="([^"]+)"', thief.get("").text))
    steps = {"/sign-in/factor", "/sign-in/recovery", "/sign-out", "/confirm"}
    for router in ROUTERS:
        for route in router.routes:
            if not isinstance(route, APIRoute) or not route.path.startswith(HOME):
                continue
            path = re.sub(r"{[^}]*}", "none", route.path.removeprefix(HOME))
            if path in steps or path.startswith(("/sign-in", "/static", "/link")):
                continue
            for method in route.methods or ():
                answer = thief.http.request(
                    method,
                    f"{server.url}{HOME}{path}",
                    data={"form_token": token} if method == "POST" else None,
                    timeout=20,
                    allow_redirects=False,
                )
                assert answer.headers["location"].endswith("/sign-in/factor"), path
    assert thief.give_code(thief.next_code()).url == f"{server.url}{HOME}"


def test_a_session_that_has_yet_to_give_its_factor_ends_soon_and_its_token_changes(
    server: Server,
) -> None:
    owner = signed_in(server, "renewed")
    owner.set_app_up()
    half = owner.elsewhere()
    half.sign_in()
    before = half.http.cookies[COOKIE]
    half.give_code()
    assert half.http.cookies[COOKIE] != before
    late = owner.elsewhere()
    late.sign_in()
    server.clock.wall_ms += 601_000
    assert late.give_code().url.endswith("/sign-in")
    assert half.is_in()


def test_a_code_of_the_app_is_good_once(server: Server) -> None:
    owner = signed_in(server, "replayed")
    owner.set_app_up()
    thief = owner.elsewhere()
    assert "used already" in (thief.sign_in(), thief.give_code(owner.code()))[1].text
    server.clock.wall_ms += 60_000
    seen = owner.code()
    again = owner.elsewhere("198.51.100.7")
    again.sign_in()
    assert again.give_code(seen).url == f"{server.url}{HOME}"
    for typed in (seen, f"{seen[:3]} {seen[3:]}"):
        assert "used already" in thief.give_code(typed).text
    assert not thief.is_in()


def test_one_code_that_is_sent_many_times_at_once_lets_one_in(server: Server) -> None:
    owner = signed_in(server, "raced")
    owner.set_app_up()
    many = [owner.elsewhere(f"203.0.113.{n}") for n in range(3)]
    for each in many:
        each.sign_in()
    code = owner.next_code()
    with ThreadPoolExecutor(len(many)) as together:
        list(together.map(lambda each: each.give_code(code), many))
    assert sum(each.is_in() for each in many) == 1


def test_who_guesses_codes_waits_longer_and_longer_and_the_owner_gets_in(server: Server) -> None:
    owner = signed_in(server, "guessed-code")
    codes = owner.set_app_up()
    owner.post("/sign-out")
    said = []
    for n in range(RULES.tries + 3):
        thief = owner.elsewhere(f"203.0.113.{n}")  # an address of their own for each try
        thief.sign_in()
        said.append(thief.give_code("000000").text)
    assert ["used already" in text for text in said] == [True] * RULES.tries + [False] * 3
    assert "The next one may come in 5 s" in said[-1]
    alarms = [row for row in server.rows(schema.audit) if row.subject == owner.email]
    assert [row.action for row in alarms].count("alarm:account.guessed") == 1
    owner.sign_in()
    code = owner.code(30)  # the time stands still, so that the thief has to wait
    assert owner.give_code(code).url == f"{server.url}{HOME}", "a known device has its own tries"
    new_phone = owner.elsewhere("198.51.100.2")
    new_phone.sign_in()
    assert "may come in" in new_phone.give_code(owner.code()).text
    said_to = new_phone.post("/sign-in/recovery", at="/sign-in/factor", code=codes[0])
    assert said_to.url == f"{server.url}{HOME}", "and a recovery code always works"


def test_a_recovery_code_is_good_once_for_its_own_account_and_lies_nowhere(server: Server) -> None:
    owner, other = signed_in(server, "recovery"), signed_in(server, "recovery-other")
    codes = owner.set_app_up()
    assert len(set(codes)) == 10
    other.set_app_up()

    def used(visitor: Visitor, code: str) -> bool:
        fresh = visitor.elsewhere()
        fresh.sign_in()
        fresh.post("/sign-in/recovery", at="/sign-in/factor", code=code)
        return fresh.is_in()

    assert not used(other, codes[0])
    assert used(owner, codes[0].lower().replace("-", " "))
    assert not used(owner, codes[0])
    kept = "".join(str(row) for row in server.rows(schema.recovery_code))
    assert not any(code.replace("-", "") in kept for code in codes)
    new = owner.post("/account/recovery", at="/account").text
    assert not used(owner, codes[1]), "new ones end those before"
    assert codes[1] not in new


def test_a_secret_is_taken_only_with_its_code_and_lies_sealed(server: Server) -> None:
    owner = signed_in(server, "sealed")
    owner.get("/account/app")
    assert "is not the app" in owner.post("/account/app", at="/account/app", code="000000").text
    assert owner.elsewhere().sign_in().url == f"{server.url}{HOME}", "nothing is asked for yet"
    owner.set_app_up()
    [row] = [each for each in server.rows(schema.user) if each.email == owner.email]
    assert owner.secret.encode() not in row.totp_sealed


def test_who_finds_a_session_left_open_does_not_change_what_guards_the_account(
    server: Server,
) -> None:
    owner = signed_in(server, "left", Role.ADMIN)
    codes = owner.set_app_up()
    other = account(server, "left-other")
    server.clock.wall_ms += 601_000
    for path, at in (
        ("/account/app/remove", "/account"),
        ("/account/recovery", "/account"),
        (f"/accounts/{account_id(other)}/link", "/accounts"),
        (f"/accounts/{account_id(other)}/factor", "/accounts"),
    ):
        assert "/confirm" in owner.post(path, at=at).url, path
    assert "/confirm" in owner.get("/account/app").url
    asked = "/confirm?back=accounts"
    said = owner.post("/sign-in/factor", at=asked, code="000000", back="accounts")
    assert "used already" in said.text
    code = owner.next_code()
    said = owner.post("/sign-in/factor", at=asked, code=code, back="accounts")
    assert said.url.endswith("/accounts")
    assert "/link/link_" in owner.post(f"/accounts/{account_id(other)}/link", at="/accounts").text
    assert codes


# --- guessed passwords -------------------------------------------------------------------------


def test_waits_grow_and_end_and_never_keep_the_owner_out(server: Server) -> None:
    owner = signed_in(server, "guessed")
    owner.post("/sign-out")
    guesser = owner.elsewhere("2001:db8::1")
    waits = []
    for n in range(9):
        guesser.http.headers["x-forwarded-for"] = f"2001:db8::{n:x}"  # one subscriber has all these
        said = guesser.sign_in("wrong password").url
        if found := re.search(r"wait_s=(\d+)", said):
            waits.append(int(found[1]))
            server.clock.wall_ms += waits[-1] * 1000
    assert waits == [5, 10, 20], "each is twice as long, and none is for ever"
    assert throttle.wait_after_s(RULES, 1000) == RULES.wait_longest_s
    assert owner.sign_in().url == f"{server.url}{HOME}", "a known device"
    assert owner.elsewhere("198.51.100.3").sign_in().url == f"{server.url}{HOME}", "another address"
    server.clock.wall_ms += 60_000
    assert guesser.sign_in().url == f"{server.url}{HOME}", "the right one, when the wait is over"


def test_guesses_from_many_addresses_are_an_alarm(server: Server) -> None:
    owner = account(server, "sprayed")
    for _ in range(GUESSES - 1):
        server.write(throttle.count, server.central, f"guesses {account_id(owner)}")
    for address in ("203.0.113.1", "203.0.113.2"):
        owner.elsewhere(address).sign_in("wrong password")
    rows = [row for row in server.rows(schema.audit) if row.subject == owner.email]
    assert [row.action for row in rows].count("alarm:account.guessed") == 1
    assert owner.sign_in().url == f"{server.url}{HOME}"
    figures = server.metrics()
    assert re.search(r"^locker_sign_ins_refused [1-9]", figures, re.MULTILINE)
    assert re.search(r"^locker_operators_signed_in [1-9]", figures, re.MULTILINE)


def test_a_stolen_device_cookie_gives_no_more_tries_and_does_not_keep_its_owner_out(
    server: Server,
) -> None:
    owner = signed_in(server, "device")
    neighbour = account(server, "device-neighbour")
    device = owner.http.cookies[DEVICE_COOKIE]
    for target in (owner, neighbour):
        thief = target.elsewhere("203.0.113.9")
        thief.http.cookies.set(DEVICE_COOKIE, device, domain="127.0.0.1", path="/")
        said = [thief.sign_in("wrong password").url for _ in range(3 * RULES.tries)]
        tries = 2 * RULES.tries if target is owner else RULES.tries
        assert sum("problem=wrong" in url for url in said) == tries
    owner.post("/sign-out")
    assert owner.sign_in().url == f"{server.url}{HOME}"


def test_nobody_learns_who_has_an_account(server: Server) -> None:
    owner = signed_in(server, "listed")
    stranger = Visitor(server, "no.such@example.org")
    said = [each.elsewhere().sign_in("wrong password") for each in (owner, stranger)]
    assert said[0].text == said[1].text
    assert said[0].url == said[1].url
    assert said[0].headers.keys() == said[1].headers.keys()
    mistyped = stranger.elsewhere().sign_in("x", email="my-secret-password")
    assert mistyped.text == said[0].text
    kept = "".join(f"{row.by} {row.subject} {row.detail}" for row in server.rows(schema.audit))
    assert "my-secret-password" not in kept


def test_no_password_fits_an_account_without_one(server: Server) -> None:
    email = "linked@example.org"
    server.write(accounts.add_user, server.central, "test", email, "L", Role.VIEWER, "")
    visitor = Visitor(server, email)
    for password in (" ", "nobody", "\0"):
        assert "not right" in visitor.elsewhere().sign_in(password).text


# --- addresses, links, forms -------------------------------------------------------------------


def test_an_address_is_one_account_in_whichever_case(server: Server) -> None:
    owner = account(server, "Case.Of.Kim")
    for email in ("CASE.OF.KIM@EXAMPLE.ORG", "case.of.kim@example.org", " Case.of.Kim@Example.org"):
        assert owner.elsewhere().sign_in(email=email).url == f"{server.url}{HOME}"
        with pytest.raises(RequestError, match="there is an account"):
            add = accounts.add_user
            server.write(add, server.central, "test", email.strip(), "K", Role.ADMIN, PASSWORD)


def test_a_link_is_good_once_for_a_day_and_for_one_account(server: Server) -> None:
    owner = account(server, "link")

    def link() -> str:
        made = server.write(passwords.make_link, server.central, "test", account_id(owner))
        return f"/link/{made}"

    def use(path: str, password: str = OTHER_PASSWORD) -> requests.Response:
        return owner.elsewhere().post(path, at=path, password=password, again=password)

    first, second = link(), link()
    assert use(first).status_code == 404, "the newest is the one that counts"
    assert "too short" in use(second, "short").text
    said = use(second)
    assert "Please sign in with it" in said.text
    assert use(second, PASSWORD).status_code == 404
    assert owner.sign_in(OTHER_PASSWORD).url == f"{server.url}{HOME}"
    late = link()
    server.clock.wall_ms += RULES.link_h * 3_600_000
    assert use(late).status_code == 404
    left = link()
    owner.sign_in(OTHER_PASSWORD)
    form = {"current": OTHER_PASSWORD, "password": PASSWORD, "again": PASSWORD}
    assert "is changed" in owner.post("/account/password", **form).text
    assert use(left).status_code == 404, "a password that was changed ends it"
    disabled = link()
    disable(owner)
    assert use(disabled).status_code == 404
    assert use("/link/link_guessed").status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
        {"sec-fetch-site": "same-site", "origin": "https://other.example.org"},
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "null"},
        {"origin": ""},
    ],
)
def test_another_site_signs_nobody_in_or_out(server: Server, headers: dict[str, str]) -> None:
    attacker = Visitor(server, "csrf@example.org")
    if not server.central.database.read(accounts.find, attacker.email):
        account(server, "csrf")
    victim = attacker.elsewhere()
    assert victim.sign_in(**headers).status_code == 403
    assert COOKIE not in victim.http.cookies
    own = {"origin": server.url, "sec-fetch-site": "same-origin"}
    assert attacker.sign_in(**own).url == f"{server.url}{HOME}"
    for path in ("/sign-out", "/account/sign-out-others"):
        victim.http.headers.update(headers)
        assert victim.post(path).status_code == 403


def test_the_form_of_one_session_is_no_form_of_another(server: Server) -> None:
    owner = signed_in(server, "forms")
    other = owner.elsewhere()
    other.sign_in()
    [token] = set(re.findall(r'name="form_token" value="([^"]+)"', other.get("").text))
    url = f"{server.url}{HOME}/account/sign-out-others"
    assert owner.http.post(url, data={"form_token": token}, timeout=20).status_code == 403
    assert other.is_in()


def test_signing_in_leads_to_no_other_site(server: Server) -> None:
    visitor = account(server, "led")
    for there in ("https://evil.example", "//evil.example", "/\\evil.example"):
        form = {"email": visitor.email, "password": PASSWORD, "next": there, "back": there}
        answer = visitor.http.post(
            f"{server.url}{HOME}/sign-in",
            params={"next": there},
            data=form,
            timeout=20,
            allow_redirects=False,
        )
        assert answer.headers["location"] == HOME
    confirmed = visitor.post("/confirm", at="/account", password=PASSWORD, back=there)
    assert confirmed.url == f"{server.url}{HOME}/account"
    led = visitor.post("/confirm", at="/account", password=PASSWORD, door=there)
    assert led.url.startswith(f"{server.url}{HOME}/locations/")


def test_cookies_are_for_this_server_alone(server: Server) -> None:
    visitor = account(server, "flags")
    answer = visitor.http.post(
        f"{server.url}{HOME}/sign-in",
        data={"email": visitor.email, "password": PASSWORD},
        headers={"x-forwarded-proto": "https"},
        timeout=20,
        allow_redirects=False,
    )
    cookies = {
        text.partition("=")[0]: {part.strip().lower() for part in text.split(";")[1:]}
        for text in answer.raw.headers.getlist("set-cookie")
    }
    assert set(cookies) == {f"__Host-{COOKIE}", f"__Host-{DEVICE_COOKIE}"}
    for flags in cookies.values():
        assert {"secure", "httponly", "samesite=strict", "path=/"} <= flags
        assert not any(flag.startswith("domain") for flag in flags)


def test_the_last_administrator_stays_one(server: Server) -> None:
    def others() -> list[str]:
        return [
            row.id
            for row in server.rows(schema.user)
            if row.role == Role.ADMIN and row.disabled_ms is None
        ]

    admin = account(server, "last-admin", Role.ADMIN)
    kept = account_id(admin)
    for each in others():
        if each != kept:
            server.write(accounts.set_role, server.central, "test", each, Role.VIEWER)
    for do in (
        lambda c: accounts.disable_user(c, server.central, "test", kept),
        lambda c: accounts.set_role(c, server.central, "test", kept, Role.OPERATOR),
    ):
        with pytest.raises(RequestError, match="the only administrator"):
            server.write(do)
    assert others() == [kept]
