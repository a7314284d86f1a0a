"""The senders that we understand: one module each, with ``normalise(delivery) -> Normalised``."""

from collections.abc import Callable, Mapping

import structlog

from opsrail.hooks.delivery import Delivery, Normalised, NotUnderstood
from opsrail.hooks.normalisers import (
    alertmanager,
    cloudevents,
    cloudwatch,
    datadog,
    github,
    gitlab,
    grafana,
    jenkins,
)

log = structlog.get_logger()

SENDERS: Mapping[str, Callable[[Delivery], Normalised]] = {
    "github": github.normalise,
    "gitlab": gitlab.normalise,
    "jenkins": jenkins.normalise,
    "alertmanager": alertmanager.normalise,
    "grafana": grafana.normalise,
    "cloudwatch": cloudwatch.normalise,
    "datadog": datadog.normalise,
    "cloudevents": cloudevents.normalise,
}
"""Connection kind to normaliser. A kind that is not here is kept as generic events."""


def normalise(delivery: Delivery) -> Normalised:
    """Events of a delivery.

    A mapping that trips over a shape that nobody has seen yet keeps the payload as a generic event: a proven sender's
    fact is never refused for a fault of ours.

    Raises:
        NotUnderstood: the body is not what this kind of sender sends.
    """
    sender = SENDERS.get(delivery.kind)
    if sender is None:
        return _unmapped(delivery)
    try:
        return sender(delivery)
    except NotUnderstood:
        raise
    except Exception:
        log.exception("hook.mapping_failed", kind=delivery.kind, connection=delivery.connection_id)
        return _unmapped(delivery)


def _unmapped(delivery: Delivery) -> Normalised:
    out = Normalised(delivery)
    out.generic("event", data=delivery.json())
    return out
