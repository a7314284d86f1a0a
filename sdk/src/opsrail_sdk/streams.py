"""What JetStream holds for us: streams, buckets, and the durable consumers of an agent.

The orchestrator calls ``ensure_streams`` at start and the consumer configs at install; tests use the same.
"""

from collections.abc import Iterable
from datetime import timedelta

from nats.js import JetStreamContext, api
from nats.js.errors import APIError, BadRequestError

from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.manifest import Manifest

HEARTBEAT_TTL = timedelta(seconds=10)
"""Five missed heartbeats of 2 s: an instance that says nothing for this long is gone."""
ACK_WAIT = timedelta(seconds=15)
"""After this long without a sign of life a command or event goes to a sibling; holders give one every 4 s."""
DUPLICATE_WINDOW = timedelta(minutes=10)
"""How long JetStream itself recognises a repeated message id; later repeats are caught further on."""
KEEP = timedelta(days=7)
"""How long facts and run messages stay on the bus: the longest time that Postgres or an agent may be away."""

_STREAM_EXISTS = 10058
_INSUFFICIENT = frozenset({10023, 10047})


class NoRoom(Exception):
    """The server has not the storage that a stream would reserve."""


async def ensure_streams(
    js: JetStreamContext,
    *,
    replicas: int,
    keep: timedelta = KEEP,
    max_bytes: int | None = None,
) -> None:
    """Make the streams and buckets, or bring existing ones in line. Safe to call from many places at once.

    Args:
        replicas: copies of each stream; 1 on one server, 3 in a cluster.
        keep: age at which messages of ``EVENTS`` and ``RUNS`` go.
        max_bytes: size at which each of ``EVENTS`` and ``RUNS`` refuses more, so that nothing acknowledged is
            dropped unseen; unset leaves it to the server's own limit.
    """
    for config in (*_streams(keep, max_bytes), *_buckets()):
        config.num_replicas = replicas
        await _ensure(js, config)


async def ensure_artifacts(js: JetStreamContext, org: str, *, replicas: int, max_bytes: int | None = None) -> None:
    """Make the organisation's object store.

    Args:
        max_bytes: beyond it storing is refused, so that artifacts do not take the disk from the streams.

    Raises:
        NoRoom: the server cannot set ``max_bytes`` aside.
    """
    bucket = subjects.artifacts_bucket(org)
    await _ensure(
        js,
        api.StreamConfig(
            name=f"OBJ_{bucket}",
            subjects=[f"$O.{bucket}.C.>", f"$O.{bucket}.M.>"],
            storage=api.StorageType.FILE,
            discard=api.DiscardPolicy.NEW,
            max_bytes=max_bytes if max_bytes is not None else -1,
            allow_direct=True,
            num_replicas=replicas,
        ),
    )


def consumer_config_for_events(
    manifest: Manifest, org: str, *, deliver: api.DeliverPolicy = api.DeliverPolicy.NEW
) -> api.ConsumerConfig | None:
    """Durable consumer of an agent's subscriptions; None where it has none.

    Args:
        deliver: ``NEW`` so that an agent does not wake up to a week of history.
    """
    filters = _widest(subjects.event_filter(org, kind) for kind in manifest.event_types())
    if not filters:
        return None
    name = subjects.events_consumer(org, manifest.id)
    return api.ConsumerConfig(
        name=name,
        durable_name=name,
        filter_subjects=filters,
        deliver_policy=deliver,
        ack_policy=api.AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT.total_seconds(),
        max_deliver=-1,
        max_ack_pending=1000,
    )


def consumer_config_for_actions(manifest: Manifest, org: str) -> api.ConsumerConfig | None:
    """Durable consumer of an agent's commands; None where it has no actions."""
    if not manifest.actions:
        return None
    name = subjects.actions_consumer(org, manifest.id)
    return api.ConsumerConfig(
        name=name,
        durable_name=name,
        filter_subject=subjects.actions_of(org, manifest.id),
        deliver_policy=api.DeliverPolicy.ALL,
        ack_policy=api.AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT.total_seconds(),
        max_deliver=-1,
        max_ack_pending=10_000,
    )


def _streams(keep: timedelta, max_bytes: int | None) -> tuple[api.StreamConfig, ...]:
    kept = [
        api.StreamConfig(
            name=name,
            subjects=[subjects.STREAM_SUBJECTS[name]],
            retention=api.RetentionPolicy.LIMITS,
            max_age=keep.total_seconds(),
            max_bytes=max_bytes if max_bytes is not None else -1,
            discard=api.DiscardPolicy.OLD if max_bytes is None else api.DiscardPolicy.NEW,
            storage=api.StorageType.FILE,
            duplicate_window=DUPLICATE_WINDOW.total_seconds(),
            allow_direct=True,
        )
        for name in (subjects.EVENTS, subjects.RUNS)
    ]
    queues = [
        api.StreamConfig(
            name=name,
            subjects=[subjects.STREAM_SUBJECTS[name]],
            retention=api.RetentionPolicy.WORK_QUEUE,
            storage=api.StorageType.FILE,
            duplicate_window=DUPLICATE_WINDOW.total_seconds(),
            allow_direct=True,
        )
        for name in (subjects.REQUESTS, subjects.ACTIONS)
    ]
    return (*kept, *queues)


def _buckets() -> tuple[api.StreamConfig, ...]:
    return (
        _bucket(subjects.HEARTBEATS_BUCKET, ttl=HEARTBEAT_TTL),
        _bucket(subjects.SPECS_BUCKET),
        _bucket(subjects.TRUST_BUCKET),
        _bucket(subjects.LEASES_BUCKET),
    )


def _bucket(name: str, *, ttl: timedelta | None = None) -> api.StreamConfig:
    """A key-value bucket as stock clients know it (NATS ADR-8), but for rollups: one of them may empty a bucket."""
    return api.StreamConfig(
        name=f"KV_{name}",
        subjects=[f"$KV.{name}.>"],
        storage=api.StorageType.FILE,
        discard=api.DiscardPolicy.NEW,
        max_msgs_per_subject=1,
        max_age=ttl.total_seconds() if ttl else 0,
        duplicate_window=min(ttl or timedelta(minutes=2), timedelta(minutes=2)).total_seconds(),
        allow_msg_ttl=True,
        allow_direct=True,
        deny_delete=True,
    )


async def _ensure(js: JetStreamContext, config: api.StreamConfig) -> None:
    try:
        try:
            await js.add_stream(config)
        except (BadRequestError, APIError) as error:
            if error.err_code != _STREAM_EXISTS:
                raise
            await js.update_stream(config)
    except APIError as error:
        if error.err_code in _INSUFFICIENT:
            raise NoRoom(f"the bus cannot set {config.max_bytes} bytes aside for {config.name}") from error
        raise


def _widest(filters: Iterable[str]) -> list[str]:
    """Without filters that another one covers: JetStream refuses overlaps."""
    found = list(dict.fromkeys(filters))
    prefixes = [entry[:-1] for entry in found if entry.endswith(".>")]

    def covered(entry: str) -> bool:
        return any(entry.startswith(prefix) and entry != f"{prefix}>" for prefix in prefixes)

    return [entry for entry in found if not covered(entry)]
