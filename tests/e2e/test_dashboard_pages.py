"""Every page of the dashboard in both themes: axe-core finds nothing, and a phone shows it whole. In Chromium."""

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from opsrail.testing.stack import PATIENCE_SECONDS, Stack
from tests.e2e.chromium import fresh_page
from tests.e2e.people import Person, member
from tests.e2e.support import missing

pytestmark = pytest.mark.chromium

AXE = Path(__file__).parents[2] / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OUTSIDE = ("/login", "/join", "/join#of-an-invitation", "/nowhere")
INSIDE = (
    "/",
    "/agents",
    "/agents/ci",
    "/agents/ci/actions",
    "/agents/ci/queries",
    "/agents/ci/config",
    "/agents/ci/runs",
    "/runs",
    "/approvals",
    "/events",
    "/connections",
    "/connections/new",
    "/artifacts",
    "/policies",
    "/policies/0",
    "/policies/edit",
    "/decisions",
    "/audit",
    "/guards",
    "/people",
    "/account",
    "/tokens",
)
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def axe() -> str:
    """The checker's program."""
    if not AXE.is_file():
        missing("axe-core (npm ci)")
    return AXE.read_text()


@pytest.fixture(scope="module")
def ada(stack: Stack) -> Person:
    return member(stack, "Ada", "admin")


@pytest.fixture(scope="module")
def waiting(stack: Stack) -> str:
    """A run that waits for approval; there are a guard and an invitation as well, so that lists have rows."""
    stack.wait_agents("ci")
    asked = member(stack, "Linus", "operator").asks("pages/waits")
    assert asked["status"] == "awaiting_approval", asked
    rule = {"cron": "0 18 * * FRI", "duration": "PT62H", "timezone": "Europe/Berlin"}
    guard = {"kind": "freeze", "name": "A weekend", "rule": rule, "selector": {"environments": ["of-nobody"]}}
    with stack.client() as client:
        for path, body in (
            ("/v1/guards", guard),
            ("/v1/invitations", {"email": "margaret.hamilton@a-long-name.example.org", "roles": ["viewer"]}),
            ("/v1/machines", {"name": "nightly", "roles": ["operator"]}),
        ):
            made = client.post(path, json=body)
            assert made.status_code in {201, 409}, made.text
    return str(asked["run_id"])


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    with fresh_page(browser, stack) as page:
        page.emulate_media(reduced_motion="reduce")
        yield page


def _findings(page: Page, axe: str) -> list[Any]:
    """What axe-core says is wrong, and any sideways scrolling of the page itself."""
    expect(page.get_by_role("status", name="Loading")).to_have_count(0)
    found: list[Any] = page.evaluate(
        f"""async (tags) => {{
          {axe};
          const {{ violations }} = await axe.run(document, {{ runOnly: tags }});
          return violations.map(({{ id, impact, nodes }}) => [id, impact, nodes.map((node) => node.html)]);
        }}""",
        RULES,
    )
    across = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [*found, *([f"{across} pixels too wide"] if across > 0 else [])]


def _in_both_themes(page: Page, axe: str) -> dict[str, list[Any]]:
    """Findings on a desk in the light theme, and on a phone in the dark one."""
    looks = {}
    for theme, size in (("light", DESK), ("dark", PHONE)):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        if found := _findings(page, axe):
            looks[theme] = found
    page.set_viewport_size(DESK)  # type: ignore[arg-type]
    return looks


@pytest.mark.parametrize("path", OUTSIDE)
def test_pages_for_whoever_is_outside(page: Page, axe: str, path: str) -> None:
    page.goto(path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert _in_both_themes(page, axe) == {}


def test_pages_inside(page: Page, axe: str, ada: Person, waiting: str) -> None:
    ada.sign_in(page)
    found: dict[str, Any] = {}
    titles: dict[str, str] = {}
    for path in (*INSIDE, f"/runs/{waiting}"):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        found[path] = _in_both_themes(page, axe)
        if not path.startswith("/agents/ci"):
            titles[path] = page.title()
    assert {path: looks for path, looks in found.items() if looks} == {}
    assert len(set(titles.values())) == len(titles), titles


def test_live_events_beside_stored_ones(page: Page, axe: str, ada: Person, stack: Stack) -> None:
    ada.sign_in(page)
    page.goto("/events")
    expect(page.get_by_role("status").get_by_text("Live", exact=True)).to_be_visible()
    event = {"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/pages", "type": "org.example.seen"}
    with stack.client() as client:
        assert client.post("/v1/events", json=event).status_code == 202
    expect(page.get_by_role("table", name="Live events").get_by_text("org.example.seen")).to_be_visible()
    assert _in_both_themes(page, axe) == {}


def test_dialogs_and_drawers(page: Page, axe: str, ada: Person, waiting: str) -> None:
    ada.sign_in(page)
    found: dict[str, Any] = {}
    for path, button in (
        ("/guards", "New freeze"),
        ("/guards", "New budget"),
        ("/guards", "Stop CI"),
        ("/people", "Invite"),
        ("/people", "New role"),
        ("/people", "New provider"),
        ("/agents/ci/actions", "Run Run pipeline"),
        (f"/decisions?run_id={waiting}", "ci.run_pipeline"),
        ("/audit?verb=run.requested", "run.requested"),
        (f"/runs/{waiting}", "Approve"),
        (f"/runs/{waiting}", "Deny"),
    ):
        page.goto(path)
        page.get_by_role("button", name=button, exact=True).first.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        found[f"{path} {button}"] = _in_both_themes(page, axe)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    assert {path: looks for path, looks in found.items() if looks} == {}


def test_a_phone_tells_the_rows_of_a_list_apart(page: Page, ada: Person, waiting: str) -> None:
    ada.sign_in(page)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    for path, told in (
        ("/runs?state=awaiting_approval", "pages/waits"),
        ("/approvals?state=all", "pages/waits"),
        (f"/decisions?run_id={waiting}", "a change to production needs approval"),
        ("/events?type=io.opsrail.approval.requested.v1", waiting),
    ):
        page.goto(path)
        expect(page.get_by_role("cell").get_by_text(told).locator("visible=true").first).to_be_in_viewport()


def test_scripts_and_styles_are_sent_compressed(stack: Stack) -> None:
    with httpx.Client(base_url=stack.url, timeout=PATIENCE_SECONDS) as client:
        named = re.findall(r'"(/assets/[^"]+)"', client.get("/").text)
        assert named
        for name in named:
            plain = client.get(name, headers={"Accept-Encoding": "identity"})
            packed = client.get(name, headers={"Accept-Encoding": "gzip, br"})
            assert (plain.headers.get("Content-Encoding"), packed.headers["Content-Encoding"]) == (None, "gzip")
            assert int(packed.headers["Content-Length"]) < len(plain.content) / 2
            assert packed.content == plain.content
            assert packed.headers["Content-Type"] == plain.headers["Content-Type"]
            assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"


def test_a_phone_has_the_navigation_in_a_drawer(page: Page, axe: str, ada: Person) -> None:
    ada.sign_in(page)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.get_by_role("button", name="Open navigation").click()
    assert _findings(page, axe) == []
    page.get_by_role("dialog").get_by_role("link", name="Runs").click()
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
