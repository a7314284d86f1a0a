"""The normalised alert that an alert sender's payload becomes. Called by the normalisers of those who send one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from opsrail.hooks.delivery import Normalised
from opsrail_sdk.contracts.alerts import FIRING, RESOLVED, alert_data


def add_alert(
    out: Normalised,
    *,
    firing: bool,
    mark: str,
    name: str,
    level: str,
    labels: Mapping[str, Any],
    annotations: Mapping[str, Any],
    at: str | datetime | None,
    starts_at: str | datetime | None,
    generator_url: str | None,
    kind: str,
    source: str,
    extra: Mapping[str, Any] | None,
) -> None:
    """One alert that began or ended; arguments as of ``alert_data``.

    Args:
        at: None is the time of receipt.
        extra: what this sender alone tells, kept under ``details``.
    """
    data = alert_data(
        firing=firing,
        mark=mark,
        name=name,
        level=level,
        labels=labels,
        annotations=annotations,
        at=at,
        starts_at=starts_at,
        generator_url=generator_url,
        sender=kind,
    )
    if extra:
        data["details"] = extra
    out.add(FIRING if firing else RESOLVED, source=source, subject=mark, data=data, time=at)
