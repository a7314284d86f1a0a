"""A real Chromium for the stories of the dashboard. Any error in its console fails that is not the machine's."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from opsrail.static import FOLDER
from opsrail.testing.stack import Stack
from tests.e2e.support import missing

SWITCHES = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]
PATIENCE_MS = 60_000
NETWORK_CHANGED = "net::ERR_NETWORK_CHANGED"
"""What open requests end with when the machine's interfaces change, as when another test starts a container."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, and the dashboard built for it to show."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        missing("Chromium")
    if not (FOLDER / "index.html").is_file():
        missing("the built dashboard (npm run build)")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=SWITCHES)
        yield browser
        browser.close()


def forget_refusals(complaints: list[str]) -> None:
    """Once somebody has signed out: what the page was just asking for may be refused for that."""
    complaints[:] = [complaint for complaint in complaints if "401" not in complaint]


@contextmanager
def fresh_page(browser: Browser, stack: Stack, complaints: list[str] | None = None) -> Iterator[Page]:
    """A fresh browser profile at the login page. At the end, any complaint of its console that is left fails."""
    heard: list[str] = [] if complaints is None else complaints

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and NETWORK_CHANGED not in message.text:
            heard.append(f"{message.text} ({message.location.get('url')})")

    context = browser.new_context(base_url=stack.url, color_scheme="light", viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.on("console", hear)
    page.on("pageerror", lambda error: heard.append(str(error)))
    try:
        page.goto("/")
        yield page
    finally:
        context.close()
    assert heard == [], heard
