"""CDEvents 0.5.1 inside CloudEvents: the vocabulary of CI/CD facts.

Types and versions: https://github.com/cdevents/spec/tree/v0.5.1 ; the mapping to CloudEvents attributes is
its ``cloudevents-binding.md``: CloudEvent ``type``, ``source``, ``id``, ``time`` repeat the context,
``subject`` repeats the subject's id, ``data`` is the whole CDEvent.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from opsrail_sdk.contracts.cloudevent import CloudEvent

SPEC_VERSION: Final = "0.5.1"
PREFIX: Final = "dev.cdevents."

_DEFAULT_VERSION: Final = "0.3.0"
_OTHER_VERSIONS: Final = {
    "artifact.deleted": "0.2.0",
    "artifact.downloaded": "0.2.0",
    "change.created": "0.4.0",
    "testcaserun.skipped": "0.2.0",
    "ticket.closed": "0.2.0",
    "ticket.created": "0.2.0",
    "ticket.updated": "0.2.0",
}
_PREDICATES: Final = {
    "artifact": ("packaged", "published", "signed", "deleted", "downloaded"),
    "branch": ("created", "deleted"),
    "build": ("queued", "started", "finished"),
    "change": ("created", "updated", "reviewed", "merged", "abandoned"),
    "environment": ("created", "modified", "deleted"),
    "incident": ("detected", "reported", "resolved"),
    "pipelinerun": ("queued", "started", "finished"),
    "repository": ("created", "modified", "deleted"),
    "service": ("deployed", "upgraded", "rolledback", "removed", "published"),
    "taskrun": ("started", "finished"),
    "testcaserun": ("queued", "started", "finished", "skipped"),
    "testoutput": ("published",),
    "testsuiterun": ("queued", "started", "finished"),
    "ticket": ("created", "updated", "closed"),
}
TYPES: Final[Mapping[str, str]] = {
    name: f"{PREFIX}{name}.{_OTHER_VERSIONS.get(name, _DEFAULT_VERSION)}"
    for subject, predicates in _PREDICATES.items()
    for name in (f"{subject}.{predicate}" for predicate in predicates)
}
"""Short name, such as ``pipelinerun.finished``, to full type."""


def cdevent(
    name: str,
    *,
    id: str,
    source: str,
    subject_id: str,
    content: Mapping[str, Any],
    time: datetime,
    subject_source: str | None = None,
    custom_data: Mapping[str, Any] | None = None,
    chain_id: str | None = None,
) -> CloudEvent:
    """A CDEvent as a CloudEvent.

    Args:
        name: short name from ``TYPES``.
        id: identity of the event; derive it from the cause, so that a repeat gives the same.
        source: URI reference of where it happened.
        subject_id: what it happened to.
        content: the subject's content; keys with a ``None`` value are left out.
        custom_data: what the vocabulary has no word for.

    Raises:
        KeyError: ``name`` is not in CDEvents 0.5.1.
    """
    context: dict[str, Any] = {
        "specversion": SPEC_VERSION,
        "id": id,
        "source": source,
        "type": TYPES[name],
        "timestamp": time.isoformat(),
    }
    if chain_id:
        context["chainId"] = chain_id
    subject: dict[str, Any] = {
        "id": subject_id,
        "content": {key: value for key, value in content.items() if value is not None},
    }
    if subject_source:
        subject["source"] = subject_source
    data: dict[str, Any] = {"context": context, "subject": subject}
    if custom_data:
        data["customData"] = dict(custom_data)
        data["customDataContentType"] = "application/json"
    return CloudEvent(
        id=id,
        source=source,
        type=TYPES[name],
        subject=subject_id,
        time=time,
        datacontenttype="application/json",
        data=data,
    )
