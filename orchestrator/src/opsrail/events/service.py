"""Publishing events by API. Called by ``endpoints``."""

from collections.abc import Mapping
from datetime import UTC, datetime

from opsrail.auth.principal import Principal
from opsrail.errors import Invalid, Unavailable
from opsrail.hooks.delivery import Delivery, NotUnderstood
from opsrail.hooks.normalisers import cloudevents
from opsrail.hooks.service import stamp
from opsrail_sdk import errors as sdk
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.cloudevent import BATCH_CONTENT_TYPE, derived_id

MAX_EVENTS = 1000


async def publish(bus: Bus, principal: Principal, headers: Mapping[str, str], body: bytes) -> list[str]:
    """Put the CloudEvents of a request on the bus; returns their ids once they are on disk.

    They are read as at a ``cloudevents`` hook, with the caller in the connection's place, so that the same event sent
    twice is one.

    Raises:
        Invalid: no CloudEvents, or too many.
        Unavailable: the bus is away; sending the same events again is safe.
    """
    delivery = Delivery(
        kind="cloudevents",
        connection_id=f"api:{principal.org_id}",
        body=body,
        headers=headers,
        received_at=datetime.now(UTC),
    )
    try:
        found = cloudevents.normalise(delivery)
        encoded = stamp(delivery, found, str(principal.org_id), bus.max_payload)
    except NotUnderstood as error:
        raise Invalid(str(error), code=error.code) from error
    if len(encoded) > MAX_EVENTS:
        raise Invalid(f"at most {MAX_EVENTS} events per request", code="too_many_events")
    by_type: dict[str, list[bytes]] = {}
    for type_, event in encoded:
        by_type.setdefault(type_, []).append(event)
    ids = found.ids()
    try:
        for type_, events in by_type.items():
            await bus.publish(
                subjects.event(str(principal.org_id), type_),
                b"[" + b",".join(events) + b"]",
                message_id=derived_id(str(principal.org_id), type_, *ids),
                headers={"Content-Type": BATCH_CONTENT_TYPE},
            )
    except sdk.Unavailable as error:
        raise Unavailable("the bus is away", code="bus_away", headers={"Retry-After": "5"}) from error
    return ids
