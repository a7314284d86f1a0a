"""The configuration of the embedded nats-server: logins, and an account for each organisation. Pure; see ``nats.py``.

Streams live in the account PLATFORM, where the orchestrator is at home. An organisation's account takes over the
subjects of its own agents as services, so what the server answers arrives in that account and nowhere else. That is
what allow lists alone cannot do: a reply subject is free to choose, and JetStream would answer to another
organisation's.

Form: https://docs.nats.io/running-a-nats-service/configuration/securing_nats/accounts
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.access import NEXT, BusAccess

PLATFORM = "PLATFORM"
REPLIES = 'allow_responses: { max: 1, expires: "10m" }'
"""An agent may answer what it was asked, once, for as long as its slowest query takes."""
_MICRO = "$SRV.>"


@dataclass(frozen=True)
class BusUser:
    """One credential: who holds it, its public NKEY, and what it may do."""

    org: str
    agent: str
    key: str
    access: BusAccess


def account_of(org: str) -> str:
    return f"ORG_{org.replace('-', '')}"


def accounts(platform_logins: Mapping[str, str], users: Sequence[BusUser]) -> str:
    """The section ``accounts``.

    Args:
        platform_logins: passwords by login of those who may do everything.
    """
    exports, imports, parts = [], [], []
    for org in sorted({user.org for user in users}):
        mine = [user for user in users if user.org == org]
        account = account_of(org)
        services, flows, streams = _taken_over(org, mine)
        answers = sorted({subjects.query(org, user.agent, ">") for user in mine})
        exports += [f"{{ service: {_q(subject)}, accounts: [{account}] }}" for subject in services]
        exports += [f"{{ service: {_q(subject)}, response: stream, accounts: [{account}] }}" for subject in flows]
        exports += [f"{{ stream: {_q(subject)}, accounts: [{account}] }}" for subject in streams]
        imports += [_import("service", account, subject) for subject in (*answers, _MICRO)]
        parts.append(
            _account(
                account,
                users=[_user(user) for user in mine],
                exports=[
                    *(f"{{ service: {_q(subject)}, accounts: [{PLATFORM}] }}" for subject in answers),
                    f"{{ service: {_q(_MICRO)}, response: stream, accounts: [{PLATFORM}] }}",
                ],
                imports=[
                    *(_import("service", PLATFORM, subject) for subject in (*services, *flows)),
                    *(_import("stream", PLATFORM, subject) for subject in streams),
                ],
            )
        )
    logins = [f"{{ user: {_q(user)}, password: {_q(password)} }}" for user, password in platform_logins.items()]
    platform = _account(PLATFORM, users=logins, exports=exports, imports=imports, jetstream=True)
    return "accounts {\n" + "\n".join((platform, *parts)) + "\n}\n"


def _taken_over(org: str, users: Iterable[BusUser]) -> tuple[list[str], list[str], list[str]]:
    """Subjects of the platform that the organisation's account uses: asked once, asked for many answers, heard.

    As wide as the organisation, since what an account takes over may not overlap; each user's allow list narrows it.
    """
    last = "$JS.API.DIRECT.GET"
    specs, leases = f"$KV.{subjects.SPECS_BUCKET}.{org}.>", f"$KV.{subjects.LEASES_BUCKET}.{org}.>"
    trust = f"$KV.{subjects.TRUST_BUCKET}.{subjects.JWKS_KEY}"
    own = f"opsrail.{org}"
    services = [
        *(f"{own}.{noun}.>" for noun in ("event", "request", "run", "refused")),
        subjects.query(org, subjects.CORE_SERVICE, ">"),
        f"$KV.{subjects.HEARTBEATS_BUCKET}.{org}.>",
        leases,
        f"$O.{subjects.artifacts_bucket(org)}.>",
        f"{last}.{subjects.RUNS}.{own}.>",
        f"{last}.KV_{subjects.SPECS_BUCKET}.{specs}",
        f"{last}.KV_{subjects.LEASES_BUCKET}.{leases}",
        f"{last}.KV_{subjects.TRUST_BUCKET}.{trust}",
    ]
    granted = {subject for user in users for subject in user.access.publish}
    flows = sorted(subject for subject in granted if subject.startswith(f"{NEXT}."))
    services += sorted(subject for subject in granted if subject.startswith("$JS.ACK."))
    return services, flows, [subjects.run_cancel(org, "*", "*"), specs, trust]


def _user(user: BusUser) -> str:
    publish, subscribe = (", ".join(map(_q, allowed)) for allowed in (user.access.publish, user.access.subscribe))
    return (
        f"{{ nkey: {user.key}, permissions: {{ publish: {{ allow: [{publish}] }},"
        f" subscribe: {{ allow: [{subscribe}] }}, {REPLIES} }} }}"
    )


def _account(
    name: str, *, users: Sequence[str], exports: Sequence[str], imports: Sequence[str], jetstream: bool = False
) -> str:
    lines = [f"  {name} {{"]
    if jetstream:
        lines.append("    jetstream: enabled")
    for title, entries in (("users", users), ("exports", exports), ("imports", imports)):
        lines += [f"    {title} = [", *(f"      {entry}" for entry in entries), "    ]"]
    return "\n".join([*lines, "  }"])


def _import(kind: str, account: str, subject: str) -> str:
    return f"{{ {kind}: {{ account: {account}, subject: {_q(subject)} }} }}"


def _q(text: str) -> str:
    return json.dumps(text)
