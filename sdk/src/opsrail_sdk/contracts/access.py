"""What an agent may say and hear on the bus, from its manifest alone.

The orchestrator writes it into the ``AgentSpec``; whoever mints the agent's credential (the host of the embedded
server, or the signer for an outside one) hands it to nats-server, which enforces it.
"""

from pydantic import BaseModel, ConfigDict

from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.manifest import Manifest

NEXT = "$JS.API.CONSUMER.MSG.NEXT"
"""Beginning of the subjects that pull from a durable consumer (NATS ADR-13)."""


class BusAccess(BaseModel):
    """Subjects of one agent; nothing else passes the server.

    Attributes:
        publish: may be published to. Replies to what it was asked are allowed beside it.
        subscribe: may be subscribed to.
        keys: public NKEYs of its processes that were started elsewhere.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


def access_of(manifest: Manifest, org: str, *, keys: tuple[str, ...] = ()) -> BusAccess:
    """The least that an agent of this manifest works with.

    It pulls from its own consumers and cannot make others: who may make a consumer may read every subject of the
    stream, and have it delivered anywhere.
    """
    return BusAccess(
        publish=tuple(dict.fromkeys([*_orders(manifest, org), *_facts(manifest, org), *_always(manifest.id, org)])),
        subscribe=tuple(_heard(manifest, org)),
        keys=keys,
    )


def _orders(manifest: Manifest, org: str) -> list[str]:
    consumers = []
    if manifest.actions:
        consumers.append((subjects.ACTIONS, subjects.actions_consumer(org, manifest.id)))
    if manifest.subscriptions:
        consumers.append((subjects.EVENTS, subjects.events_consumer(org, manifest.id)))
    return [
        subject
        for stream, consumer in consumers
        for subject in (f"{NEXT}.{stream}.{consumer}", f"$JS.ACK.{stream}.{consumer}.>")
    ]


def _facts(manifest: Manifest, org: str) -> list[str]:
    facts = [subjects.event_filter(org, kind) for kind in manifest.emits]
    if manifest.subscriptions:
        facts.append(subjects.event(org, subjects.GIVEN_UP))
    for wanted in manifest.requests:
        agent, _, action = wanted.partition(".")
        facts.append(subjects.request(org, agent, action))
    if manifest.actions:
        kinds = (subjects.run_status, subjects.run_log, subjects.run_artifact, subjects.run_refused)
        facts += [kind(org, manifest.id, "*") for kind in kinds]
        read = (subjects.run_status, subjects.run_cancel)
        facts += [_last(subjects.RUNS, kind(org, manifest.id, "*")) for kind in read]
        facts.append(f"$O.{subjects.artifacts_bucket(org)}.>")
    return facts


def _always(agent: str, org: str) -> list[str]:
    leases = f"$KV.{subjects.LEASES_BUCKET}.{subjects.lease_keys(org, agent)}"
    spec = f"$KV.{subjects.SPECS_BUCKET}.{subjects.spec_key(org, agent)}"
    trust = f"$KV.{subjects.TRUST_BUCKET}.{subjects.JWKS_KEY}"
    return [
        f"$KV.{subjects.HEARTBEATS_BUCKET}.{subjects.heartbeat_key(org, agent, '*')}",
        leases,
        _last(f"KV_{subjects.LEASES_BUCKET}", leases),
        _last(f"KV_{subjects.SPECS_BUCKET}", spec),
        _last(f"KV_{subjects.TRUST_BUCKET}", trust),
        subjects.query(org, subjects.CORE_SERVICE, "*"),
        subjects.bus_refused(org, agent),
    ]


def _heard(manifest: Manifest, org: str) -> list[str]:
    return [
        f"{subjects.inbox_prefix(org, manifest.id)}.>",
        f"$KV.{subjects.SPECS_BUCKET}.{subjects.spec_key(org, manifest.id)}",
        f"$KV.{subjects.TRUST_BUCKET}.{subjects.JWKS_KEY}",
        subjects.run_cancel(org, manifest.id, "*"),
        *([subjects.query(org, manifest.id, "*")] if manifest.queries else []),
        "$SRV.>",
    ]


def _last(stream: str, subject: str) -> str:
    """Where the last message of a subject is asked for (NATS ADR-31); the subject is part of the request's own."""
    return f"$JS.API.DIRECT.GET.{stream}.{subject}"
