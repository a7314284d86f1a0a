"""How a Kubernetes workload is, with the reason in words. Pure.

The rules follow ``kubectl rollout status``: the controller has seen the latest generation, every replica is of the
latest template, and all are available.
https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opsrail_cd.adapters.base import Health

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Rollout:
    """Replica counts and health of one workload."""

    ready: int
    desired: int
    health: Health
    reason: str | None


def rollout(kind: str, item: Object) -> Rollout:
    """Health of a ``Deployment``, ``StatefulSet`` or ``DaemonSet`` as the API returns it."""
    spec, status = item.get("spec") or {}, item.get("status") or {}
    if kind == "DaemonSet":
        desired, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
        updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    else:
        desired, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
        updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", ready)
    health, reason = _judged(kind, item, desired=desired, ready=ready, updated=updated, available=available)
    return Rollout(ready, desired, health, reason)


def _judged(  # noqa: PLR0911 (one answer per rule, in order)
    kind: str, item: Object, *, desired: int, ready: int, updated: int, available: int
) -> tuple[Health, str | None]:
    status, spec = item.get("status") or {}, item.get("spec") or {}
    conditions = {entry.get("type"): entry for entry in status.get("conditions") or []}
    failure = _failed(conditions)
    if failure is not None:
        return "degraded", failure
    if status.get("observedGeneration", 0) < (item.get("metadata") or {}).get("generation", 0):
        return "progressing", "the controller has not seen the latest change yet"
    if desired == 0:
        return "stopped", "scaled to zero" if kind != "DaemonSet" else "no node matches"
    if spec.get("paused"):
        return "stopped", "the rollout is paused"
    if updated < desired and (spec.get("updateStrategy") or {}).get("type") != "OnDelete":
        return "progressing", f"{updated} of {desired} replicas are of the latest version"
    if kind == "Deployment" and status.get("replicas", 0) > updated:
        return "progressing", f"{status['replicas'] - updated} old replicas are still ending"
    if available < desired:
        return "progressing", f"{available} of {desired} replicas are available"
    return "healthy", None


def _failed(conditions: Mapping[str, Object]) -> str | None:
    replica_failure = conditions.get("ReplicaFailure", {})
    if replica_failure.get("status") == "True":
        return _told(replica_failure)
    progressing = conditions.get("Progressing", {})
    if progressing.get("status") == "False":
        return _told(progressing)
    return None


def _told(condition: Object) -> str:
    return f"{condition.get('reason', 'failed')}: {condition.get('message', '')}".rstrip(": ")
