"""axe-core in a real browser: what it finds against WCAG 2.1 A and AA on the page that is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome

SCRIPT = Path(__file__).parent / "axe" / "axe-4.14.1.min.js"
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa")
WIDTH_PX = {"desk": 1280, "phone": 390, "reflow": 320}
"""How wide a page is looked at; at 320 px it may not be moved sideways (WCAG 1.4.10)."""

_RUN = r"""
const done = arguments[arguments.length - 1];
axe.run(document, {runOnly: {type: "tag", values: arguments[0]}, resultTypes: ["violations"]})
  .then(found => done(found.violations.map(rule => ({
    id: rule.id, help: rule.help, tags: rule.tags,
    nodes: rule.nodes.map(node => node.html.replace(/\s+/g, " ").slice(0, 160)),
  }))), error => done([{id: "axe", help: String(error), tags: [], nodes: []}]));
"""


def violations(window: Chrome, rules: tuple[str, ...] = RULES) -> list[str]:
    """What axe finds wrong with the page in this window, one line each; every `details` is open.

    A page whose policy forbids scripts of others takes this one all the same: it is the browser's
    own, as an assistive technology's would be.
    """
    window.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
    if not window.execute_script("return typeof axe === 'object'"):
        window.execute_cdp_cmd("Runtime.evaluate", {"expression": SCRIPT.read_text("utf-8")})
    found: list[dict[str, Any]] = window.execute_async_script(_RUN, list(rules))
    return [f"{rule['id']}: {rule['help']}: {node}" for rule in found for node in rule["nodes"]] + [
        f"{rule['id']}: {rule['help']}" for rule in found if not rule["nodes"]
    ]


def set_width(window: Chrome, width_px: int, height_px: int = 900) -> None:
    """Look at pages on a screen that is so wide, in CSS pixels."""
    window.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {
            "width": width_px,
            "height": height_px,
            "deviceScaleFactor": 1,
            "mobile": width_px < 500,
        },
    )


@contextmanager
def in_the_dark(window: Chrome, *, is_dark: bool = True) -> Iterator[None]:
    """While the person's machine asks for dark pages; nothing moves in either scheme, so that no
    colour is measured while it changes."""
    scheme = "dark" if is_dark else "light"
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        yield
    finally:
        window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
