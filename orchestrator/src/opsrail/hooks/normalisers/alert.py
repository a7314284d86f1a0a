"""The normalised alert that every alert sender's payload becomes. Called by their normalisers."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from opsrail.hooks.delivery import Normalised

FIRING = "io.opsrail.alert.firing.v1"
RESOLVED = "io.opsrail.alert.resolved.v1"

_SEVERITIES = {
    **dict.fromkeys(("critical", "crit", "fatal", "emergency", "disaster", "page", "p1", "sev1", "high"), "critical"),
    **dict.fromkeys(("error", "err", "major", "p2", "sev2", "average"), "error"),
    **dict.fromkeys(("warning", "warn", "minor", "p3", "sev3", "medium"), "warning"),
    **dict.fromkeys(("info", "information", "informational", "notice", "ok", "none", "low", "p4", "p5"), "info"),
}


def severity(word: Any) -> str:
    """``critical``, ``error``, ``warning``, ``info`` or ``unknown`` for whatever the sender calls it."""
    if not isinstance(word, str):
        return "unknown"
    return _SEVERITIES.get(word) or _SEVERITIES.get(word.strip().lower(), "unknown")


def fingerprint(labels: Mapping[str, Any]) -> str:
    """16 hex digits that depend on the labels alone, for senders that give none."""
    return hashlib.sha256(orjson.dumps(labels, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


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
    """One alert that began or ended.

    Args:
        mark: fingerprint of the alert: the same when it fires, repeats and resolves.
        level: severity, already one of our words.
        at: when it began or, resolved, ended; RFC 3339 text or aware time. None is the time of receipt.
        starts_at: when it began, where known.
        extra: what this sender alone tells, kept under ``details``.
    """
    data: dict[str, Any] = {
        "fingerprint": mark,
        "name": name,
        "severity": level,
        "status": "firing" if firing else "resolved",
        "labels": labels,
        "annotations": annotations,
        "starts_at": starts_at,
        "ends_at": None if firing else at,
        "generator_url": generator_url,
        "source": kind,
    }
    if extra:
        data["details"] = extra
    out.add(FIRING if firing else RESOLVED, source=source, subject=mark, data=data, time=at)
