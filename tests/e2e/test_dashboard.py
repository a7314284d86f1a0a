"""People work with the dashboard, in a real Chromium, on the real stack. Any error in the browser's console fails."""

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from opsrail.testing.stack import PATIENCE_SECONDS, Stack
from tests.e2e.chromium import fresh_page
from tests.e2e.support import Forge, ended

pytestmark = pytest.mark.chromium

AGENTS = {"CI", "CD", "IaC", "Monitoring", "Cloud", "FinOps"}


@pytest.fixture
def complaints() -> list[str]:
    """What the console complained of; a test that expects a complaint takes it out."""
    return []


@pytest.fixture
def page(browser: Browser, stack: Stack, complaints: list[str]) -> Iterator[Page]:
    """A fresh browser profile at the login page, every agent ready."""
    stack.wait_agents("ci", "cd", "iac", "monitoring", "cloud", "finops")
    with fresh_page(browser, stack, complaints) as page:
        yield page


@pytest.fixture
def inside(page: Page, stack: Stack) -> Page:
    """Signed in as the administrator, at the overview."""
    _sign_in(page, stack.token)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    return page


def _sign_in(page: Page, token: str) -> None:
    page.get_by_text("Use an API token").click()
    page.get_by_label("API token").fill(token)
    page.get_by_role("button", name="Sign in with the token").click()


def _go(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Main").get_by_role("link", name=name, exact=True).click()


def _tabs(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Main").locator("[data-agent]")


def test_a_wrong_token_is_refused_with_its_reason(page: Page, complaints: list[str]) -> None:
    _sign_in(page, "opr_not_a_token")
    expect(page.get_by_role("alert")).to_contain_text("unknown, revoked or expired")
    expect(page.get_by_role("button", name="Sign in with the token")).to_be_enabled()
    assert len(complaints) == 1
    assert "401" in complaints.pop()


def test_signing_in_leads_to_the_page_that_was_asked_for(page: Page, stack: Stack) -> None:
    page.goto("/runs?state=failed")
    expect(page).to_have_url(re.compile("/login"))
    _sign_in(page, stack.token)
    expect(page).to_have_url(f"{stack.url}/runs?state=failed")
    expect(page.get_by_label("State", exact=True)).to_have_value("failed")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("E-mail")).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('opsrail.token')") is None


def test_every_agent_has_a_tab_made_from_its_manifest(inside: Page, client: httpx.Client) -> None:
    titles = {agent["title"] for agent in client.get("/v1/agents").json()["items"]}
    assert titles >= AGENTS
    expect(_tabs(inside)).to_have_count(len(titles))
    expect(inside.get_by_text("Live", exact=True)).to_be_visible()
    for part in ("PostgreSQL", "NATS", "Valkey"):
        expect(inside.get_by_role("listitem").filter(has_text=part)).to_contain_text("ready")
    _tabs(inside).filter(has_text="CI").click()
    manifest = client.get("/v1/agents/ci").json()["manifest"]
    expect(inside.get_by_role("heading", level=1)).to_contain_text("CI")
    for panel in manifest["panels"]:
        expect(inside.get_by_role("heading", name=panel["title"], exact=True)).to_be_visible()
    for permission in manifest["permissions"]:
        expect(inside.get_by_text(permission["reason"], exact=True)).to_be_visible()
    inside.get_by_role("link", name="Actions").click()
    for action in manifest["actions"]:
        expect(inside.get_by_role("button", name=f"Run {action['title']}")).to_be_enabled()


def test_an_agent_is_disabled_and_enabled(inside: Page, client: httpx.Client) -> None:
    _tabs(inside).filter(has_text="FinOps").click()
    header = inside.get_by_role("heading", level=1)
    inside.get_by_role("button", name="Disable").click()
    inside.get_by_role("dialog").get_by_role("button", name="Disable").click()
    expect(header).to_contain_text("disabled")
    expect(_tabs(inside).filter(has_text="FinOps")).to_contain_text("disabled")
    assert client.get("/v1/agents/finops").json()["enabled"] is False
    inside.get_by_role("button", name="Enable").click()
    inside.get_by_label("Skip them").check()
    inside.get_by_role("dialog").get_by_role("button", name="Enable").click()
    expect(header).to_contain_text("enabled")
    assert client.get("/v1/agents/finops").json()["enabled"] is True


def test_a_connection_is_created_and_its_secret_shown_once(inside: Page, client: httpx.Client) -> None:
    _go(inside, "Connections")
    inside.get_by_role("link", name="Create connection").click()
    inside.get_by_label("Kind").select_option("github")
    inside.get_by_label("Name").fill("dashboard/shop")
    inside.get_by_role("button", name="Create connection").click()
    secret = inside.get_by_label("Secret", exact=True).inner_text()
    address = inside.get_by_label("Webhook URL", exact=True).inner_text()
    assert len(secret) >= 16
    inside.get_by_role("link", name="Done").click()
    expect(inside.get_by_role("heading", name="dashboard/shop")).to_be_visible()
    inside.reload()
    expect(inside.get_by_label("Webhook URL", exact=True)).to_have_text(address)
    expect(inside.get_by_text(secret)).to_have_count(0)
    made = client.get(f"/v1/connections/{address.rsplit('/', 1)[1]}").json()
    assert (made["kind"], made["name"]) == ("github", "dashboard/shop")
    inside.get_by_role("button", name="Delete").click()
    inside.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(inside).to_have_url(re.compile("/connections$"))
    expect(inside.get_by_role("link", name="dashboard/shop")).to_have_count(0)


def test_a_run_is_watched_while_it_goes_on(inside: Page, forge: Forge, tmp_path: Path) -> None:
    gate = tmp_path / "open"
    pipeline = f"""\
steps:
  - name: greet
    run: printf '\\033[32mgreen\\033[0m first line\\n'
  - name: wait
    run: until [ -e {gate} ]; do sleep 0.1; done; mkdir dist; echo stored > dist/kept.txt; echo last line
artifacts:
  - paths: dist/kept.txt
"""
    _, commit = forge.repository("dashboard/live", {".opsrail/ci.yaml": pipeline})
    _go(inside, "Runs")
    events = forge.push("dashboard/live", commit).json()["events"]
    row = inside.get_by_role("row").filter(has_text="dashboard/live").filter(has_text="running")
    row.get_by_role("link", name="ci.run_pipeline").click()
    log = inside.get_by_role("log")
    expect(log).to_contain_text("green first line")
    expect(log.get_by_text("green", exact=True)).to_have_class(re.compile("text-ok"))
    expect(log).not_to_contain_text("last line")
    gate.touch()
    expect(log).to_contain_text("last line")
    expect(inside.get_by_role("heading", level=1)).to_contain_text("succeeded")
    log.get_by_role("button", name=re.compile("^greet")).click()
    expect(log).not_to_contain_text("green first line")
    inside.get_by_label("Search the log").fill("FIRST LINE")
    expect(log.locator("mark")).to_have_text("first line")
    with inside.expect_download() as download:
        inside.get_by_role("button", name="Download dist/kept.txt").click()
    assert Path(download.value.path()).read_text() == "stored\n"
    [run] = ended(forge.client, events, 1)
    inside.get_by_role("link", name=run["correlation_id"]).click()
    inside.get_by_role("button", name=re.compile("^pipelinerun.finished")).click()
    expect(inside.get_by_role("dialog")).to_contain_text("dev.cdevents.pipelinerun.finished")


def test_a_failed_run_tells_its_steps_and_is_run_again(inside: Page, forge: Forge) -> None:
    steps = "  - {name: lint, run: 'true'}\n  - {name: unit, run: exit 3}\n  - {name: deploy, run: 'true'}\n"
    _, commit = forge.repository("dashboard/red", {".opsrail/ci.yaml": f"steps:\n{steps}"})
    [run] = ended(forge.client, forge.push("dashboard/red", commit).json()["events"], 1)
    inside.goto("/runs?state=badly")
    inside.get_by_role("row").filter(has_text="dashboard/red · main").get_by_role("link").click()
    expect(inside.get_by_role("alert")).to_contain_text("step unit failed")
    rows = inside.get_by_role("table", name="Steps").get_by_role("row")
    expect(rows.filter(has_text="lint")).to_contain_text("success")
    expect(rows.filter(has_text="unit")).to_contain_text("exit code 3")
    expect(rows.filter(has_text="deploy")).to_contain_text("skipped")
    inside.get_by_role("button", name="Run again").click()
    inside.get_by_role("dialog").get_by_role("button", name="Run again").click()
    expect(inside).not_to_have_url(re.compile(run["id"]))
    expect(inside.get_by_role("alert")).to_contain_text("step unit failed")
    again = forge.client.get(f"/v1/runs/{inside.url.rsplit('/', 1)[1]}").json()
    assert (again["input"], again["cause"]) == (run["input"], None)


def test_a_log_stays_where_somebody_reads(inside: Page, forge: Forge, tmp_path: Path) -> None:
    gate = tmp_path / "open"
    script = f"seq -f row-%g 300; until [ -e {gate} ]; do sleep 0.1; done; echo more"
    _, commit = forge.repository(
        "dashboard/read", {".opsrail/ci.yaml": f"steps:\n  - name: count\n    run: {script}\n"}
    )
    forge.push("dashboard/read", commit)
    inside.goto("/runs?state=running")
    inside.get_by_role("row").filter(has_text="dashboard/read").get_by_role("link").click()
    log, follow = inside.get_by_role("log"), inside.get_by_role("button", name="Follow")
    expect(log.get_by_text("row-300", exact=True)).to_be_in_viewport()
    log.press("Home")
    expect(follow).to_have_attribute("aria-pressed", "false")
    expect(log.get_by_text("cloning")).to_be_in_viewport()
    gate.touch()
    expect(inside.get_by_text("complete")).to_be_visible()
    expect(log.get_by_text("cloning")).to_be_in_viewport()
    expect(inside.get_by_role("heading", level=1)).to_contain_text("succeeded")
    expect(inside.get_by_role("table", name="Steps")).to_be_visible()  # it has pushed the log's end out of sight
    log.evaluate("log => log.scrollIntoView({ block: 'end' })")
    log.press("End")
    expect(log.get_by_text("more", exact=True)).to_be_in_viewport()


def test_a_run_is_cancelled(inside: Page, forge: Forge) -> None:
    _, commit = forge.repository(
        "dashboard/endless", {".opsrail/ci.yaml": "steps:\n  - {name: wait, run: sleep 300}\n"}
    )
    events = forge.push("dashboard/endless", commit).json()["events"]
    inside.goto("/runs?state=running")
    row = inside.get_by_role("row").filter(has_text="dashboard/endless").filter(has_text="running")
    row.get_by_role("link", name="ci.run_pipeline").click()
    expect(inside.get_by_role("log")).to_contain_text("wait")
    inside.get_by_role("button", name="Cancel run").click()
    inside.get_by_role("dialog").get_by_role("button", name="Cancel run").click()
    expect(inside.get_by_role("heading", level=1)).to_contain_text("cancelled")
    [run] = ended(forge.client, events, 1)
    assert run["state"] == "cancelled"


def test_an_action_is_asked_for_by_its_form(inside: Page, forge: Forge) -> None:
    _, commit = forge.repository("dashboard/asked")
    inside.goto("/agents/ci/actions")
    inside.get_by_role("button", name="Run Run pipeline").click()
    form = inside.get_by_role("dialog")
    form.get_by_role("button", name="Run", exact=True).click()
    expect(form.get_by_label("Clone URL")).to_have_accessible_description(re.compile("is required"))
    form.get_by_label("Clone URL").fill(forge.git.url("dashboard/asked"))
    form.get_by_label("Repository", exact=False).first.fill("dashboard/asked")
    form.get_by_label("Commit").fill(commit)
    form.get_by_label("Ref", exact=False).first.fill("refs/heads/main")
    form.get_by_role("button", name="Run", exact=True).click()
    expect(inside).to_have_url(re.compile("/runs/"))
    expect(inside.get_by_role("heading", level=1)).to_contain_text("succeeded")


def test_settings_are_saved_by_the_form_of_their_schema(inside: Page, client: httpx.Client) -> None:
    before = client.get("/v1/agents/ci/config").json()["config"]
    inside.goto("/agents/ci/config")
    inside.get_by_label("Artifact keep").fill("soon")
    inside.get_by_role("button", name="Save settings").click()
    expect(inside.get_by_label("Artifact keep")).to_have_accessible_description(re.compile("must be a duration"))
    inside.get_by_label("Artifact keep").fill("12h")
    inside.get_by_role("button", name="Save settings").click()
    expect(inside.get_by_text("Saved.", exact=False)).to_be_visible()
    assert client.get("/v1/agents/ci/config").json()["config"] == {**before, "artifact_keep": "PT12H"}
    assert client.put("/v1/agents/ci/config", json={"config": before}).status_code == 200


def test_events_are_shown_as_they_come(inside: Page, forge: Forge, tmp_path: Path) -> None:
    gate = tmp_path / "open"
    pipeline = f"steps:\n  - name: wait\n    run: until [ -e {gate} ]; do sleep 0.1; done\n"
    _, commit = forge.repository("dashboard/told", {".opsrail/ci.yaml": pipeline})
    _go(inside, "Events")
    live = inside.locator("section").filter(has=inside.get_by_role("heading", name="Live"))
    expect(live).to_contain_text("Listening")
    events = forge.push("dashboard/told", commit).json()["events"]
    expect(live.get_by_role("cell", name=commit).first).to_be_visible()
    live.get_by_role("button", name="Pause").click()
    gate.touch()
    ended(forge.client, events, 1)
    expect(live.get_by_role("status")).to_contain_text("more since")
    live.get_by_role("button", name=re.compile("^change.merged")).first.click()
    drawer = inside.get_by_role("dialog")
    expect(drawer).to_contain_text(commit)
    inside.keyboard.press("Escape")
    expect(drawer).to_have_count(0)


def test_a_live_list_keeps_still_under_the_pointer(inside: Page, client: httpx.Client) -> None:
    def tell(subject: str) -> None:
        event = {"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/dashboard", "type": "org.example.still"}
        assert client.post("/v1/events", json={**event, "subject": subject}).status_code == 202

    inside.goto("/events?type=org.example.still")
    live = inside.locator("section").filter(has=inside.get_by_role("heading", name="Live"))
    expect(live).to_contain_text("No event of this type")
    expect(inside.get_by_role("status").get_by_text("Live", exact=True)).to_be_visible()
    tell("the first")
    live.get_by_role("cell", name="the first").hover()
    tell("the second")
    expect(live.get_by_role("status")).to_have_text("1 new")
    expect(live.get_by_role("cell", name="the second")).to_have_count(0)
    inside.mouse.move(0, 0)
    expect(live.get_by_role("row")).to_contain_text(["Subject", "the second", "the first"])


def test_a_key_of_many_lines_is_kept_whole(inside: Page, client: httpx.Client) -> None:
    key = "-----BEGIN KEY-----\nof two\nlines\n-----END KEY-----\n"
    inside.goto("/connections/new")
    inside.get_by_label("Kind").select_option("git")
    inside.get_by_role("textbox", name="Name").first.fill("dashboard:key")
    inside.get_by_label("URL").fill("https://git.example.org")
    inside.get_by_label("Private key", exact=True).fill(key)
    expect(inside.get_by_label("Private key", exact=True)).to_have_value(key)
    expect(inside.get_by_role("textbox", name="Name").first).to_have_accessible_description(
        re.compile("may hold letters")
    )
    inside.get_by_role("textbox", name="Name").first.fill("dashboard/key")
    with inside.expect_request("**/v1/connections") as sent:
        inside.get_by_role("button", name="Create connection").click()
    assert sent.value.post_data_json["secrets"] == {"private_key": key}
    expect(inside.get_by_role("link", name="Done")).to_be_visible()


def test_a_token_is_made_and_revoked(inside: Page, stack: Stack) -> None:
    _go(inside, "Tokens")
    inside.get_by_role("button", name="Create token").click()
    form = inside.get_by_role("dialog")
    form.get_by_label("Name").fill("dashboard-reader")
    form.get_by_label("Scope").select_option("read")
    form.get_by_role("button", name="Create token").click()
    token = inside.get_by_label("Token", exact=True).inner_text()
    headers = {"Authorization": f"Bearer {token}"}
    me = f"{stack.url}/v1/me"
    assert httpx.get(me, headers=headers, timeout=PATIENCE_SECONDS).json()["scopes"] == ["read"]
    inside.get_by_role("button", name="Done").click()
    inside.get_by_role("button", name="Revoke dashboard-reader").click()
    inside.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(inside.get_by_role("row").filter(has_text="dashboard-reader")).to_have_count(0)
    assert httpx.get(me, headers=headers, timeout=PATIENCE_SECONDS).status_code == 401


def test_the_theme_is_chosen_and_remembered(inside: Page) -> None:
    html = inside.locator("html")
    expect(html).to_have_attribute("data-theme", "light")
    inside.get_by_role("button", name="Switch to dark theme").click()
    expect(html).to_have_attribute("data-theme", "dark")
    inside.reload()
    expect(html).to_have_attribute("data-theme", "dark")
    expect(inside.locator("body")).to_have_css("background-color", "rgb(13, 16, 21)")
