"""``opsrail demo trust``: an action allowed, one denied, one approved, one forged; and an edited entry is found."""

import asyncio
import io
import secrets
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opsrail.audit.verification import Report, verify_file
from opsrail.cli.client import Client
from opsrail.cli.login import personal_token
from opsrail.demo.stage import CheckFailed, Narrator, stage, wait_agent
from opsrail.embedded.nats import running_url
from opsrail.signing import JWKS_KEY
from opsrail_sdk.bus import Bus
from opsrail_sdk.capability import mint, parse_jwks
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import ActionCommand
from opsrail_sdk.testing.git_http import GitServer

REPOSITORY = "demo/steps"
PIPELINE = "name: steps\nsteps:\n  - name: greet\n    run: echo a change\n"
_PATIENCE_SECONDS = 90.0


def run(narrator: Narrator) -> dict[str, Any]:
    """Play it; returns what was made.

    Raises:
        CheckFailed: a promise did not hold.
    """
    with stage(narrator) as (client, data), tempfile.TemporaryDirectory(prefix="opsrail-demo-git-") as folder:
        wait_agent(client, "ci")
        server = GitServer(Path(folder))
        head = server.create(REPOSITORY, {".opsrail/ci.yaml": PIPELINE})["main"]
        change = {
            "repository": REPOSITORY,
            "clone_url": server.url(REPOSITORY),
            "ref": "refs/heads/main",
            "commit": head,
        }
        with server, _people(client, narrator) as (olga, petra):
            allowed = _allowed(olga, narrator, change)
            denied = _denied(olga, narrator, change)
            approved = _approved(olga, petra, narrator, change)
            forged = _forged(client, narrator, data, denied, change)
            _audited(client, narrator, [allowed, denied, approved])
            return {"allowed": allowed, "denied": denied, "approved": approved, "forged": forged}


@contextmanager
def _people(client: Client, narrator: Narrator) -> Iterator[tuple[Client, Client]]:
    """Olga, who may ask and approve, and Petra, who may approve; gone afterwards."""
    tag, made = secrets.token_hex(4), []
    clients = []
    try:
        for name, roles in (("Olga", ["operator", "approver"]), ("Petra", ["approver"])):
            email, password = f"{name.lower()}-{tag}@demo.example", secrets.token_urlsafe(18)
            invitation = client.post("/invitations", {"email": email, "roles": roles})
            wish = {"token": invitation["token"], "password": password, "name": name}
            accepted = client.post("/invitations/accept", wish)
            made.append(accepted["user_id"])
            proof = {"email": email, "password": password, "organisation": accepted["org"]}
            clients.append(Client(client.url, personal_token(client.url, proof, days=1)))
        narrator.tell("invited two people: Olga, an operator who may also approve, and Petra, an approver")
        yield clients[0], clients[1]
    finally:
        for user_id in made:
            client.delete(f"/members/{user_id}")


def _dispatch(client: Client, change: dict[str, Any], **context: Any) -> httpx.Response:
    return client.attempt("POST", "/dispatch", {"intent": "ci.run_pipeline", "input": change, "context": context})


def _allowed(olga: Client, narrator: Narrator, change: dict[str, Any]) -> str:
    answer = _dispatch(olga, change, environment="staging")
    said = answer.json()
    narrator.check(
        "a change to staging is allowed, and the decision is on record first",
        answer.status_code == httpx.codes.ACCEPTED and said["governance"]["allowed"],
        answer.text,
    )
    narrator.quote(f"{said['governance']['reason']} ({said['governance']['decision_time_ms']} ms)")
    _succeeded(olga, narrator, said["run_id"], "it ran")
    return str(said["run_id"])


def _denied(olga: Client, narrator: Narrator, change: dict[str, Any]) -> str:
    answer = _dispatch(olga, change, environment="staging", protected=True)
    said = answer.json()
    narrator.check(
        "a change to a protected target is denied with 403",
        answer.status_code == httpx.codes.FORBIDDEN and not said["governance"]["allowed"],
        answer.text,
    )
    narrator.quote(said["governance"]["reason"])
    decision = olga.get(f"/decisions/{said['governance']['decision_id']}")
    run: dict[str, Any] = olga.get(f"/runs/{decision['run_id']}")
    narrator.check("the denied wish is on record, with the policies that denied it", run["state"] == "denied", run)
    return str(run["id"])


def _approved(olga: Client, petra: Client, narrator: Narrator, change: dict[str, Any]) -> str:
    answer = _dispatch(olga, change, environment="production")
    said = answer.json()
    narrator.check("a change to production waits for approval", said.get("status") == "awaiting_approval", said)
    (approval,) = petra.items("/approvals", limit=1, run_id=said["run_id"])
    grant = {"input_hash": approval["input_hash"], "reason": "reviewed in the demonstration"}
    own = olga.attempt("POST", f"/approvals/{approval['id']}/grant", grant)
    narrator.check("Olga may not approve what she asked for", own.status_code == httpx.codes.FORBIDDEN, own.text)
    other = petra.attempt("POST", f"/approvals/{approval['id']}/grant", {**grant, "input_hash": "0" * 64})
    narrator.check(
        "an approval of another input than the one that waits is refused",
        other.status_code == httpx.codes.CONFLICT,
        other.text,
    )
    petra.post(f"/approvals/{approval['id']}/grant", grant)
    _succeeded(olga, narrator, said["run_id"], "Petra approves exactly this input, and it runs")
    again = petra.attempt("POST", f"/approvals/{approval['id']}/grant", grant)
    narrator.check("an approval is good once", again.status_code == httpx.codes.CONFLICT, again.text)
    return str(said["run_id"])


def _forged(client: Client, narrator: Narrator, data: Path, denied: str, change: dict[str, Any]) -> str | None:
    """The denied action, put on the bus by somebody who has the orchestrator's own login there, but not its key."""
    url = running_url(data)
    if url is None:
        narrator.tell(f"{data} is not this stack's data folder: nothing can be forged from here")
        return None
    asyncio.run(_put_on_the_bus(url, client.get("/me")["org_id"], denied, change))
    refusals = _entries(client, verb="capability.refused", target=f"run:{denied}")
    narrator.check("the agent refuses a command that another key signed", bool(refusals))
    narrator.quote(refusals[0]["reason"])
    narrator.check("and nothing ran", client.get(f"/runs/{denied}")["state"] == "denied")
    return denied


async def _put_on_the_bus(url: str, org_id: str, run_id: str, change: dict[str, Any]) -> None:
    bus = await Bus.connect(url, name="demo-forger")
    try:
        trusted = await bus.kv.get(subjects.TRUST_BUCKET, JWKS_KEY)
        assert trusted is not None
        capability = mint(
            Ed25519PrivateKey.generate(),
            next(iter(parse_jwks(trusted.value))),
            org_id=org_id,
            agent="ci",
            action="run_pipeline",
            input=change,
            run_id=run_id,
            decision_id=str(uuid.uuid4()),
            lifetime=timedelta(minutes=5),
        )
        command = ActionCommand(
            run_id=run_id,
            org_id=org_id,
            agent="ci",
            action="run_pipeline",
            input=change,
            capability=capability,
            correlation_id=f"demo-{uuid.uuid4()}",
            requested_at=datetime.now(UTC),
        )
        await bus.publish(
            subjects.action(org_id, "ci", "run_pipeline"), command.encode(), message_id=str(uuid.uuid4())
        )
    finally:
        await bus.close()


def _audited(client: Client, narrator: Narrator, runs: list[str]) -> None:
    for ident in runs:
        narrator.check(f"run {ident[:8]} is in the audit trail", bool(_entries(client, target=f"run:{ident}")))
    narrator.check("the chain of the audit trail holds", client.get("/audit/verify")["holds"])
    keys = parse_jwks(orjson.dumps(client.get("/audit/keys")))
    lines = b"".join(client.download("/audit/export")).splitlines(keepends=True)
    whole = verify_file(io.BytesIO(b"".join(lines)), keys)
    narrator.check(f"an export of it, {whole.entries} entries, holds as well", whole.holds, whole.fault)
    position, edited = _edit(lines)
    found = verify_file(io.BytesIO(b"".join(edited)), keys)
    narrator.check(
        f"with one word of entry {position} edited, verifying names that entry", _named(found) == position, found
    )


def _edit(lines: list[bytes]) -> tuple[int, list[bytes]]:
    """The export with a denial made an allowance."""
    for number, line in enumerate(lines):
        entry = orjson.loads(line)
        if entry.get("outcome") == "denied":
            forged = orjson.dumps({**entry, "outcome": "allowed"}) + b"\n"
            return int(entry["position"]), [*lines[:number], forged, *lines[number + 1 :]]
    raise CheckFailed("the export has no denied entry")


def _named(report: Report) -> int | None:
    return report.fault.position if report.fault else None


def _entries(client: Client, **wanted: str) -> list[dict[str, Any]]:
    """Entries that fit, sealed into the chain; waits for the first."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < give_up:
        found = client.items("/audit", limit=10, **wanted)
        if found and all(entry["position"] is not None for entry in found):
            return found
        time.sleep(0.1)
    return []


def _succeeded(client: Client, narrator: Narrator, run_id: str, promise: str) -> None:
    run = client.get(f"/runs/{run_id}", wait=60)
    narrator.check(promise, run["state"] == "succeeded", run.get("error"))
