"""Audit entries as events of the Open Cybersecurity Schema Framework, for SIEMs. Called by ``export``.

Version 1.8.0, https://schema.ocsf.io/1.8.0/: API Activity (6003), Authentication (3002) and Account Change (3001),
each with the attributes that its class requires. What has no attribute of its own is under ``unmapped``, the entry's
place in the chain included.
"""

from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Any

VERSION = "1.8.0"

_API_ACTIVITY, _AUTHENTICATION, _ACCOUNT_CHANGE = 6003, 3002, 3001
_NAMES = {_API_ACTIVITY: "API Activity", _AUTHENTICATION: "Authentication", _ACCOUNT_CHANGE: "Account Change"}
_CATEGORIES = {6: "Application Activity", 3: "Identity & Access Management"}
_CLASS_BY_NOUN = {
    "login": _AUTHENTICATION,
    "logout": _AUTHENTICATION,
    "session": _AUTHENTICATION,
    "user": _ACCOUNT_CHANGE,
    "member": _ACCOUNT_CHANGE,
    "machine": _ACCOUNT_CHANGE,
    "token": _ACCOUNT_CHANGE,
}
_OTHER = 99
_INFORMATIONAL, _MEDIUM = 1, 3
_SUCCESS, _FAILURE = 1, 2


def event(record: Mapping[str, Any]) -> dict[str, Any]:
    """One entry as it is exported (``chain.record_of`` and its ``hash``) as an OCSF event."""
    noun, _, done = str(record["verb"]).partition(".")
    class_uid = _CLASS_BY_NOUN.get(noun, _API_ACTIVITY)
    activity_id = _activity(class_uid, noun, done)
    went_well = record["outcome"] in ("allowed", "succeeded")
    at = datetime.fromisoformat(record["at"])
    return {
        "category_uid": class_uid // 1000,
        "category_name": _CATEGORIES[class_uid // 1000],
        "class_uid": class_uid,
        "class_name": _NAMES[class_uid],
        "activity_id": activity_id,
        "activity_name": done or noun,
        "type_uid": class_uid * 100 + activity_id,
        "time": int(at.timestamp() * 1000),
        "severity_id": _INFORMATIONAL if went_well else _MEDIUM,
        "status_id": _SUCCESS if went_well else _FAILURE,
        "status": "Success" if went_well else "Failure",
        "status_detail": record["reason"],
        "message": f"{record['actor']} {record['verb']} {record['target']}",
        "metadata": {
            "version": VERSION,
            "product": {"name": "Opsrail", "vendor_name": "Opsrail", "version": version("opsrail")},
            "uid": f"{record['org_id']}/{record['id']}",
            "tenant_uid": record["org_id"],
            "correlation_uid": record["correlation_id"],
            "event_code": record["verb"],
            "log_name": "audit",
            "sequence": record["position"],
        },
        "actor": {"user": {"uid": record["actor"], "name": record["actor"]}},
        "src_endpoint": _source(record),
        "unmapped": {
            "target": record["target"],
            "outcome": record["outcome"],
            "decision_id": record["decision_id"],
            "detail": record["detail"],
            "hash": record["hash"],
        },
        **_of_class(class_uid, record),
    }


def _of_class(class_uid: int, record: Mapping[str, Any]) -> dict[str, Any]:
    if class_uid == _AUTHENTICATION:
        return {"user": {"uid": record["target"], "name": record["target"]}, "service": {"name": "Opsrail"}}
    if class_uid == _ACCOUNT_CHANGE:
        return {"user": {"uid": record["target"], "name": record["target"]}}
    kind, _, _ = str(record["target"]).partition(":")
    return {
        "api": {"operation": record["verb"], "service": {"name": "Opsrail"}},
        "resources": [{"uid": record["target"], "type": kind}],
    }


def _source(record: Mapping[str, Any]) -> dict[str, Any]:
    """Where the actor is: the address of a request, else the part of the platform that acted."""
    address = record["detail"].get("address") if isinstance(record["detail"], Mapping) else None
    return {"ip": address} if address else {"svc_name": record["actor"]}


def _activity(class_uid: int, noun: str, done: str) -> int:
    if class_uid == _AUTHENTICATION:
        return 2 if noun == "logout" or done == "ended" else 1 if noun == "login" else _OTHER
    known = _ACCOUNT_ACTIVITIES if class_uid == _ACCOUNT_CHANGE else _API_ACTIVITIES
    return known.get(done, _OTHER)


_ACCOUNT_ACTIVITIES = {
    "created": 1,
    "added": 1,
    "enabled": 2,
    "password_changed": 3,
    "password_reset": 4,
    "disabled": 5,
    "deleted": 6,
    "removed": 6,
    "revoked": 6,
    "roles_changed": 7,
}
_API_ACTIVITIES = {
    "created": 1,
    "installed": 1,
    "published": 1,
    "requested": 1,
    "opened": 2,
    "read": 2,
    "exported": 2,
    "changed": 3,
    "configured": 3,
    "enabled": 3,
    "disabled": 3,
    "upgraded": 3,
    "rotated": 3,
    "deleted": 4,
    "uninstalled": 4,
    "forgotten": 4,
}
