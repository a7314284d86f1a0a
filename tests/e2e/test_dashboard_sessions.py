"""People come in, move between organisations and are sent away, in a real Chromium on the real stack."""

import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from opsrail.testing.stack import PATIENCE_SECONDS, Stack, wait_until
from tests.e2e.chromium import forget_refusals, fresh_page
from tests.e2e.people import Person, member

pytestmark = pytest.mark.chromium

RUNNING = re.compile(r"running on (http://127\.0\.0\.1:\d+)")


@dataclass(frozen=True)
class Idp:
    """An OpenID provider's process; it knows the people that a test tells it of."""

    url: str

    def knows(self, subject: str, **claims: Any) -> None:
        httpx.put(f"{self.url}/users/{subject}", json=claims, timeout=PATIENCE_SECONDS).raise_for_status()


@pytest.fixture(scope="module")
def idp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Idp]:
    log = tmp_path_factory.mktemp("idp") / "log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "oidc_provider_mock", "-p", "0", "-n"]
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_until(lambda: RUNNING.search(log.read_text()) is not None, what="the identity provider")
        yield Idp(RUNNING.findall(log.read_text())[0])
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def corp(stack: Stack, idp: Idp) -> Iterator[str]:
    """The title of a provider that the stack trusts for people of its group `release`."""
    title = f"Corp {uuid.uuid4().hex[:6]}"
    with stack.client() as client:
        wish = {
            "name": title.lower().replace(" ", "-"),
            "title": title,
            "issuer": idp.url,
            "client_id": "opsrail",
            "client_secret": "s3cret",
            "role_of_group": {"release": "operator"},
        }
        made = client.post("/v1/identity-providers", json=wish)
        assert made.status_code == 201, made.text
        yield title
        assert client.delete(f"/v1/identity-providers/{made.json()['id']}").status_code == 204


@pytest.fixture
def complaints() -> list[str]:
    """What the console complained of; a test that expects a complaint takes it out."""
    return []


@pytest.fixture
def page(browser: Browser, stack: Stack, complaints: list[str]) -> Iterator[Page]:
    """A fresh browser profile at the login page, which reaches nothing beyond loopback."""
    with fresh_page(browser, stack, complaints) as page:
        page.route(lambda url: not url.startswith("http://127.0.0.1:"), _nothing)
        yield page


@pytest.fixture(scope="module")
def ada(stack: Stack) -> Person:
    return member(stack, "Ada", "admin")


def _nothing(route: Route) -> None:
    route.fulfill(status=204)


def _authorize(page: Page, provider: str, subject: str) -> None:
    page.get_by_role("link", name=f"Continue with {provider}").click()
    page.get_by_placeholder("sub").fill(subject)
    page.get_by_role("button", name="Authorize").click()


def test_a_login_by_a_provider_leads_to_the_page_that_was_asked_for(
    page: Page, stack: Stack, idp: Idp, corp: str, complaints: list[str]
) -> None:
    idp.knows("grace", email="grace@corp.example", email_verified=True, name="Grace", groups=["release"])
    page.goto("/runs?state=failed")
    _authorize(page, corp, "grace")
    expect(page).to_have_url(f"{stack.url}/runs?state=failed")
    expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()
    page.get_by_role("link", name="Account of Grace").click()
    expect(page.get_by_text("grace@corp.example")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("E-mail")).to_be_visible()
    page.goto("/runs")
    expect(page.get_by_label("E-mail")).to_be_visible()
    forget_refusals(complaints)


def test_whom_the_provider_does_not_vouch_for_is_told_so_at_the_login(
    page: Page, idp: Idp, corp: str, complaints: list[str]
) -> None:
    idp.knows("mallory", email="mallory@corp.example", email_verified=True, name="Mallory", groups=["guests"])
    page.goto("/login")  # which may have been shown before there was this provider
    _authorize(page, corp, "mallory")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("The identity provider does not vouch for you here")
    expect(page.get_by_label("E-mail")).to_be_visible()
    # The page asks for the session that the way back would have begun.
    assert "401" in complaints.pop()


def test_another_organisation_is_entered(page: Page, stack: Stack, ada: Person) -> None:
    slug = f"shop-{uuid.uuid4().hex[:6]}"
    with stack.client() as client:
        made = client.post("/v1/organisations", json={"slug": slug, "title": f"The {slug}"})
        assert made.status_code == 201, made.text
    with httpx.Client(
        base_url=stack.url, headers={"Authorization": f"Bearer {made.json()['token']}"}, timeout=PATIENCE_SECONDS
    ) as other:
        ada.joins(other, "viewer")
    ada.sign_in(page)
    stack.wait_agents("ci")
    agents = page.get_by_role("navigation", name="Main").locator("[data-agent]")
    expect(agents.filter(has_text="CI")).to_be_visible()
    page.get_by_label("Organisation").select_option(f"The {slug}")
    expect(page.get_by_text("No agents are installed")).to_be_visible()
    expect(agents).to_have_count(0)
    page.reload()
    expect(page.get_by_label("Organisation")).to_have_value(slug)
    page.get_by_role("link", name="Guards", exact=True).click()
    expect(page.get_by_role("button", name="New freeze")).to_be_disabled()
    page.get_by_label("Organisation").select_option("Main")
    expect(agents.filter(has_text="CI")).to_be_visible()


def test_a_session_that_was_ended_elsewhere_leads_to_the_login_and_back(
    page: Page, ada: Person, complaints: list[str]
) -> None:
    page.goto("/guards")
    ada.sign_in(page, "Guards")
    with ada.client() as client:
        sessions = client.get("/v1/sessions").json()["items"]
        for browser in [each["id"] for each in sessions if not each["current"]]:
            assert client.delete(f"/v1/sessions/{browser}").status_code == 204
    page.get_by_role("link", name="Policies", exact=True).click()
    expect(page.get_by_text("Your session is no longer accepted. Sign in again.")).to_be_visible()
    ada.sign_in(page, "Policies")
    assert complaints
    assert all("401" in complaint for complaint in complaints), complaints
    complaints.clear()


@pytest.mark.slow
def test_the_page_waits_for_an_orchestrator_that_is_away(
    browser: Browser, new_stack: Callable[..., Stack], complaints: list[str]
) -> None:
    alone = new_stack("--no-agents").start()
    with fresh_page(browser, alone, complaints) as page:
        page.get_by_text("Use an API token").click()
        page.get_by_label("API token").fill(alone.token)
        page.get_by_role("button", name="Sign in with the token").click()
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        banner = page.get_by_role("alert").filter(has_text="The orchestrator does not answer.")
        expect(banner).to_have_count(0)
        assert alone.stop() == 0
        expect(banner).to_contain_text("It is tried again by itself.")
        page.get_by_role("link", name="Connections", exact=True).click()
        expect(page.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()
        again = new_stack("--no-agents", data=alone.data, port=httpx.URL(alone.url).port).start()
        expect(banner).to_have_count(0)
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        expect(page.get_by_text("No connections yet")).to_be_visible()
        assert all("ERR_" in complaint or "50" in complaint for complaint in complaints), complaints
        complaints.clear()
    again.stop()
