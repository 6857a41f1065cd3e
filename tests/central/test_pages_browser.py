"""The operators' pages in a real browser: signing in, a door that changes while it is looked at,
and room for everything on a desk's screen and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions
from selenium.webdriver.support.ui import WebDriverWait
from sqlalchemy import update

from central import schema
from central.areas import tree
from central.auth import Role
from central.operators import accounts
from central.pages.paths import HOME
from central.pages.session import COOKIE
from central.settings import SignIn
from tests.support.central_server import LOCATION, Journal, Mailbox, Server, announce
from tests.support.chromium import running_chromium
from tests.support.operators import PASSWORD, Browser, account, obey, sync

PATIENCE_S = 60
PICTURES = Path(__file__).parents[2] / "build" / "pages"
PAGES = (
    *("", "/search?q=a", "/packages", "/unjoined", "/notifications", "/reports", "/staff", "/keys"),
    *("/accounts", "/audit", "/quarantine", f"/locations/{LOCATION.id}"),
    *("/account", "/account/app", "/confirm", "/views", "/areas", "/reports?carrier=*"),
    *("/rollouts", "/fleet", "/carriers", "/webhooks", "/disputed"),
)


@pytest.fixture
def chromium() -> Iterator[Chrome]:
    with running_chromium() as window:
        yield window


def size(window: Chrome, width: int, height: int = 900) -> None:
    window.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
    )


def test_an_operator_signs_in_and_sees_a_package_come_while_looking(
    server: Server, kiosk: Journal, chromium: Chrome
) -> None:
    sync(kiosk)
    server.write(
        accounts.add_user, server.central, "test", "o@example.org", "Ola", Role.OPERATOR, PASSWORD
    )
    chromium.get(f"{server.url}{HOME}")
    chromium.find_element(By.NAME, "email").send_keys("o@example.org")
    chromium.find_element(By.NAME, "password").send_keys(PASSWORD)
    chromium.find_element(By.CSS_SELECTOR, "button.main").click()
    wait = WebDriverWait(chromium, PATIENCE_S)
    wait.until(lambda window: window.find_elements(By.LINK_TEXT, LOCATION.id))
    chromium.find_element(By.LINK_TEXT, LOCATION.id).click()
    wait.until(lambda window: window.find_elements(By.CSS_SELECTOR, "svg.bank"))
    assert not chromium.find_elements(By.CSS_SELECTOR, "svg.bank .occupied")
    kiosk.put_in("A")
    sync(kiosk)
    wait.until(lambda window: window.find_elements(By.CSS_SELECTOR, "svg.bank .occupied"))
    wait.until(lambda window: window.find_elements(By.LINK_TEXT, "A"))
    found = chromium.get_log("browser")  # type: ignore[no-untyped-call] # selenium has no type
    errors = [each for each in found if each["level"] == "SEVERE"]
    assert errors == []


def test_every_page_fits_on_a_desk_and_on_a_phone(
    server: Server, kiosk: Journal, chromium: Chrome
) -> None:
    package = announce(server, server.add_key(), "JD014600006281234567").json()["id"]
    obey(kiosk)
    kiosk.put_in("JD014600006281234567")
    sync(kiosk)
    forged = kiosk.events()[3].model_copy(update={"body": '{"actor":"nobody"}', "hash": "ab" * 32})
    kiosk.send([forged, *kiosk.events(kiosk.head().seq - 1)])
    admin = Browser(server, Role.ADMIN)
    chromium.get(f"{server.url}{HOME}/sign-in")
    chromium.add_cookie({"name": COOKIE, "value": admin.http.cookies[COOKIE], "path": "/"})
    PICTURES.mkdir(parents=True, exist_ok=True)
    server.write(tree.add, "north", "North", "", "test", 1)
    for path in (*PAGES, f"/packages/{package}"):
        for width in (1280, 390):
            size(chromium, width)
            chromium.get(f"{server.url}{HOME}{path}")
            require_fits(chromium, path.strip("/").replace("/", "-") or "overview", width)
    chromium.get(f"{server.url}{HOME}")
    chromium.find_element(By.XPATH, "//summary[contains(., 'A new location')]").click()
    chromium.find_element(By.NAME, "location").send_keys("berlin-02", Keys.ENTER)
    for width in (390, 1280):
        size(chromium, width)
        require_fits(chromium, "token", width)
    assert "enrol_" in chromium.find_element(By.CSS_SELECTOR, "code.command").text


@pytest.mark.parametrize(("language", "side"), [("de", "left"), ("ar", "right")])
def test_a_code_stands_on_one_line_of_a_phone(
    server: Server,
    kiosk: Journal,
    mailbox: tuple[int, Mailbox],
    chromium: Chrome,
    tmp_path: Path,
    language: str,
    side: str,
) -> None:
    server.add_carrier("red")
    person = {"name": "Eva", "email": "eva@example.org", "language": language}
    announce(server, server.add_key(carrier="red"), "A", recipient=person)
    obey(kiosk)
    kiosk.put_in("A", "red")
    sync(kiosk)
    parts = mailbox[1].wait_for(1)[0].walk()
    [page] = [each for each in parts if each.get_content_type() == "text/html"]
    content = page.get_payload(decode=True)
    assert isinstance(content, bytes)
    file = tmp_path / "mail.html"
    file.write_bytes(content)
    size(chromium, 390)
    chromium.get(file.as_uri())
    code = chromium.find_element(By.CSS_SELECTOR, "p[dir=ltr]")
    lines = chromium.execute_script(
        "const range = document.createRange(); range.selectNodeContents(arguments[0]);"
        "return range.getClientRects().length",
        code,
    )
    assert lines == 1
    assert chromium.execute_script("return document.documentElement.scrollWidth") <= 390
    name = chromium.find_element(By.CSS_SELECTOR, "span[dir=auto]").rect
    is_left = name["x"] < 390 / 2
    assert is_left is (side == "left"), "the carrier begins where the lines do"


def test_the_map_comes_closer_and_names_what_is_in_sight(server: Server, chromium: Chrome) -> None:
    for number in range(40):
        name = f"place-{number}"
        server.add_location(name)
        at = {"latitude": 50 + number / 10, "longitude": 8 + number / 10}
        server.write(
            lambda c, name=name, at=at: c.execute(
                update(schema.location).where(schema.location.c.id == name).values(**at)
            )
        )
    viewer = Browser(server, Role.VIEWER)
    chromium.get(f"{server.url}{HOME}/sign-in")
    chromium.add_cookie({"name": COOKIE, "value": viewer.http.cookies[COOKIE], "path": "/"})
    chromium.get(f"{server.url}{HOME}")
    wait = WebDriverWait(chromium, PATIENCE_S)
    names = "svg.map text:not([hidden])"
    wait.until(lambda window: window.find_element(By.CSS_SELECTOR, ".zoom").is_displayed())
    assert not chromium.find_elements(By.CSS_SELECTOR, names)
    for _ in range(2):
        chromium.find_element(By.CSS_SELECTOR, '[data-zoom="2"]').click()
    assert chromium.find_elements(By.CSS_SELECTOR, names)
    svg = chromium.find_element(By.CSS_SELECTOR, "svg.map")
    assert str(svg.get_dom_attribute("viewBox")).endswith(" 160 90")
    chromium.find_element(By.CSS_SELECTOR, '[data-zoom="0"]').click()
    assert svg.get_dom_attribute("viewBox") == "0 0 640 360"
    search = chromium.find_element(By.CSS_SELECTOR, "header.top input[type=search]")
    chromium.find_element(By.TAG_NAME, "body").send_keys(Keys.CONTROL, "k")
    assert chromium.switch_to.active_element == search


def test_a_chart_is_drawn_and_is_a_table_as_well(server: Server, chromium: Chrome) -> None:
    viewer = Browser(server, Role.VIEWER)
    chromium.get(f"{server.url}{HOME}/sign-in")
    chromium.add_cookie({"name": COOKIE, "value": viewer.http.cookies[COOKIE], "path": "/"})
    chromium.get(f"{server.url}{HOME}/reports?days=30")
    wait = WebDriverWait(chromium, PATIENCE_S)
    wait.until(lambda window: len(window.find_elements(By.CSS_SELECTOR, "div.chart canvas")) == 2)
    chromium.find_element(By.TAG_NAME, "summary").click()
    table = chromium.find_element(By.CSS_SELECTOR, "details table")
    assert table.is_displayed()
    assert len(table.find_elements(By.CSS_SELECTOR, "tbody tr")) == 31
    found = chromium.get_log("browser")  # type: ignore[no-untyped-call] # selenium has no type
    assert [each for each in found if each["level"] == "SEVERE"] == []


def test_what_is_dangerous_asks_first(server: Server, kiosk: Journal, chromium: Chrome) -> None:
    sync(kiosk)
    admin = Browser(server, Role.ADMIN)
    chromium.get(f"{server.url}{HOME}/sign-in")
    chromium.add_cookie({"name": COOKIE, "value": admin.http.cookies[COOKIE], "path": "/"})
    wait = WebDriverWait(chromium, PATIENCE_S)

    def is_enrolled() -> bool:
        [row] = server.rows(schema.location)
        return bool(row.token_hash)

    def press(selector: str) -> None:
        wait.until(lambda window: window.find_elements(By.CSS_SELECTOR, selector))
        button = chromium.find_element(By.CSS_SELECTOR, selector)
        chromium.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()

    chromium.get(f"{server.url}{HOME}/locations/{LOCATION.id}")
    chromium.find_element(By.XPATH, "//summary[contains(., 'token')]").send_keys(Keys.ENTER)
    press("form[action$='/revoke'] button")
    assert "cut off at once" in chromium.find_element(By.CSS_SELECTOR, "dialog p").text
    press("dialog button:not(.danger)")
    assert not chromium.find_elements(By.CSS_SELECTOR, "dialog")
    assert is_enrolled()
    press("form[action$='/revoke'] button")
    press("dialog button.danger")
    wait.until(lambda _: not is_enrolled())


def test_a_door_that_is_touched_shows_what_lies_there(
    server: Server, kiosk: Journal, chromium: Chrome
) -> None:
    kiosk.put_in("JD014600006281234567")
    sync(kiosk)
    [taken] = [row.label for row in server.rows(schema.slot) if row.status == "OCCUPIED"]
    operator = Browser(server, Role.OPERATOR)
    chromium.get(f"{server.url}{HOME}/sign-in")
    chromium.add_cookie({"name": COOKIE, "value": operator.http.cookies[COOKIE], "path": "/"})
    wait = WebDriverWait(chromium, PATIENCE_S)
    address = f"{server.url}{HOME}/locations/{LOCATION.id}"
    chromium.get(address)
    chromium.find_element(By.CSS_SELECTOR, f"a.door[href$='/doors/{taken}']").send_keys(Keys.ENTER)
    wait.until(lambda window: window.find_elements(By.CSS_SELECTOR, "#door h2"))
    shown = chromium.find_element(By.ID, "door").text
    assert f"Door {taken}" in shown
    assert "JD014600006281234567" in shown
    assert "stored" in shown.lower()
    assert chromium.current_url == address
    chromium.get(f"{address}/doors/{taken}")
    assert "JD014600006281234567" in chromium.find_element(By.ID, "door").text
    assert operator.get(f"/locations/{LOCATION.id}/doors/nothing").status_code == 404


def test_the_main_jobs_are_done_with_a_keyboard_alone(
    server: Server, kiosk: Journal, chromium: Chrome
) -> None:
    """From signing in to opening a door, to a message and the reports; what is focused is seen."""
    person = {"name": "Eva", "email": "eva@example.org", "language": "en"}
    announce(server, server.add_key(), "JD014600006281234567", recipient=person)
    obey(kiosk)
    kiosk.put_in("JD014600006281234567")
    sync(kiosk)
    account(server, "ola", Role.OPERATOR)
    wait = WebDriverWait(chromium, PATIENCE_S)

    def press(*keys: str) -> None:
        ActionChains(chromium).send_keys(*keys).perform()

    def tab_to(selector: str) -> None:
        """Tab on until something is focused, and see that each step is seen."""
        for _ in range(200):
            press(Keys.TAB)
            focused = chromium.switch_to.active_element
            if focused.tag_name == "body":
                continue  # from the end of the page to its beginning
            outline = focused.value_of_css_property("outline-style")
            assert outline != "none", focused.get_attribute("outerHTML")
            if chromium.execute_script(
                "return arguments[0].matches(arguments[1])", focused, selector
            ):
                return
        raise AssertionError(f"no way by Tab to {selector}")

    def shown(text: str) -> None:
        script = "return document.querySelector('main')?.innerText ?? ''"
        wait.until(lambda window: text in window.execute_script(script))

    chromium.get(f"{server.url}{HOME}")
    tab_to("input[name=email]")
    press("ola@example.org")
    tab_to("input[name=password]")
    press(PASSWORD, Keys.ENTER)
    shown("Locations")
    ActionChains(chromium).key_down(Keys.CONTROL).send_keys("k").key_up(Keys.CONTROL).perform()
    press(LOCATION.id, Keys.ENTER)
    shown("What is found")
    tab_to(f"main a[href$='/locations/{LOCATION.id}']")
    press(Keys.ENTER)
    shown("Doors")
    tab_to("a.door")
    press(Keys.ENTER)
    wait.until(lambda window: window.switch_to.active_element.get_attribute("id") == "door")
    tab_to("#door input[name=why]")
    press("somebody stands there", Keys.ENTER)
    wait.until(lambda window: window.find_elements(By.CSS_SELECTOR, "dialog[open]"))
    assert chromium.switch_to.active_element.text == "Cancel"
    press(Keys.ESCAPE)
    wait.until(lambda window: not window.find_elements(By.CSS_SELECTOR, "dialog[open]"))
    assert not [row for row in server.rows(schema.command) if row.type == "open"]
    assert chromium.switch_to.active_element.get_attribute("name") == "why"
    press(Keys.ENTER)
    wait.until(lambda window: window.find_elements(By.CSS_SELECTOR, "dialog[open]"))
    tab_to("dialog button.danger")
    press(Keys.ENTER)
    wait.until(lambda _: [row for row in server.rows(schema.command) if row.type == "open"])
    tab_to("nav a[href$='/notifications']")
    press(Keys.ENTER)
    shown("What people are sent")
    tab_to("main td a[href*='/notifications/']")
    press(Keys.ENTER)
    shown("What it says")
    tab_to("nav a[href$='/reports']")
    press(Keys.ENTER)
    shown("Packages a day")
    tab_to("figure summary")
    press(Keys.ENTER)
    wait.until(lambda window: window.find_element(By.CSS_SELECTOR, "details table").is_displayed())


def test_a_page_that_refreshes_itself_disturbs_nobody(
    server: Server, kiosk: Journal, chromium: Chrome
) -> None:
    sync(kiosk)
    operator = Browser(server, Role.OPERATOR)
    chromium.get(f"{server.url}{HOME}/sign-in")
    chromium.add_cookie({"name": COOKIE, "value": operator.http.cookies[COOKIE], "path": "/"})
    chromium.get(f"{server.url}{HOME}/packages")
    wait = WebDriverWait(chromium, PATIENCE_S)
    rows = "main tbody tr"

    def refresh() -> None:
        """Have the page ask for itself now, and see it through."""
        chromium.execute_async_script(
            "const done = arguments[0]; const part = document.querySelector('#live');"
            "document.addEventListener('htmx:afterRequest', () => setTimeout(done), {once: true});"
            "htmx.ajax('GET', part.getAttribute('hx-get'),"
            " {source: part, target: part, select: '#live', swap: 'outerHTML'})"
        )

    chromium.set_script_timeout(PATIENCE_S)
    assert not chromium.find_elements(By.CSS_SELECTOR, rows)
    kiosk.put_in("A1")
    sync(kiosk)
    field = chromium.find_element(By.CSS_SELECTOR, "main input[name=q]")
    field.send_keys("half a word")
    refresh()
    assert field.get_attribute("value") == "half a word", "what is typed stays"
    assert not chromium.find_elements(By.CSS_SELECTOR, rows)
    field.clear()
    chromium.find_element(By.LINK_TEXT, "Those nobody announced").send_keys("")
    refresh()
    wait.until(lambda window: window.find_elements(By.CSS_SELECTOR, rows))
    assert chromium.switch_to.active_element.text == "Those nobody announced"
    kiosk.put_in("A2")
    sync(kiosk)
    chromium.find_element(By.CSS_SELECTOR, "[data-pause]").click()
    assert chromium.find_element(By.CSS_SELECTOR, "[data-pause][aria-pressed=true]")
    server.write(lambda c: c.execute(schema.operator_session.delete()))
    chromium.find_element(By.CSS_SELECTOR, "[data-pause]").click()
    refresh()
    wait.until(lambda window: window.current_url.endswith("/sign-in"))


def test_a_passkey_is_made_and_given_in_a_real_browser(tmp_path: Path, chromium: Chrome) -> None:
    server = Server(tmp_path / "central", host="localhost", is_public=True, sign_in=SignIn())
    server.start()
    wait = WebDriverWait(chromium, PATIENCE_S)

    def press(page: str) -> None:
        """Go to a page and press its main button, once its script has shown it."""
        wait.until(lambda window: window.current_url.endswith(page))
        wait.until(
            lambda window: window.find_element(By.CSS_SELECTOR, "button.main").is_displayed()
        )
        chromium.find_element(By.CSS_SELECTOR, "button.main").click()

    def sign_in() -> None:
        chromium.get(f"{server.url}{HOME}/sign-in")
        chromium.find_element(By.NAME, "email").send_keys("kim@example.org")
        chromium.find_element(By.NAME, "password").send_keys(PASSWORD)
        chromium.find_element(By.CSS_SELECTOR, "button.main").click()

    try:
        account(server, "kim", Role.ADMIN)
        chromium.add_virtual_authenticator(VirtualAuthenticatorOptions())
        sign_in()
        wait.until(lambda window: window.current_url.endswith("/account/app"))
        chromium.find_element(By.LINK_TEXT, "Add a passkey instead").click()
        press("/account/passkey")
        wait.until(lambda window: "Your recovery codes" in window.page_source)
        for width in (390, 1280):
            size(chromium, width)
            require_fits(chromium, "recovery-codes", width)
        chromium.get(f"{server.url}{HOME}/account")
        for width in (390, 1280):
            size(chromium, width)
            require_fits(chromium, "account-with-passkey", width)
        chromium.find_element(By.XPATH, "//button[text()='Sign out']").click()
        sign_in()
        wait.until(lambda window: window.current_url.endswith("/sign-in/factor"))
        chromium.save_screenshot(str(PICTURES / "factor.png"))
        press("/sign-in/factor")
        wait.until(lambda window: window.current_url.endswith(HOME))
        found = chromium.get_log("browser")  # type: ignore[no-untyped-call] # selenium has no type
        assert [each for each in found if each["level"] == "SEVERE"] == []
    finally:
        server.stop()


def require_fits(window: Chrome, name: str, width: int) -> None:
    """The page is no wider than the screen, and each field has a label; it is kept as a picture."""
    assert "/sign-in" not in window.current_url
    window.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
    wide = window.execute_script("return document.documentElement.scrollWidth")
    high = window.execute_script("return document.documentElement.scrollHeight")
    size(window, width, max(900, high))
    window.save_screenshot(str(PICTURES / f"{name[:30]}-{width}.png"))
    assert wide <= width, f"{name} is {wide} wide on {width}"
    unnamed = window.execute_script(
        "return [...document.querySelectorAll('input:not([type=hidden]), select')]"
        ".filter(each => !each.labels.length).map(each => each.name)"
    )
    assert unnamed == [], f"{name} has fields without a label"
