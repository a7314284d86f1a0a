"""Any CloudEvents sender: structured, batch and binary mode over HTTP.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md

``type``, ``source``, ``subject`` and ``data`` stay the sender's. The event's id becomes ours, derived from the
sender's ``source`` and ``id``, so that it is unique however the sender counts; theirs is kept as the extension
``senderid``. What only the platform can know is not taken from a sender.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from pydantic import ValidationError

from opsrail.hooks.delivery import Delivery, Event, Normalised, NotUnderstood, TooDeep
from opsrail_sdk.contracts.cloudevent import BATCH_CONTENT_TYPE, CONTENT_TYPE, CloudEvent, derived_id

_PLATFORM = ("orgid", "connectionid")
"""Extensions that a sender may not set."""
_OUR_TYPE = re.compile(r"io\.opsrail\.(agent|approval|audit|request|run|subscription)\.")
_OUR_SOURCE = re.compile(r"/(opsrail|agents)(/|$)")
"""What listeners take for the platform's or an agent's own word."""


def normalise(delivery: Delivery) -> Normalised:
    """The sender's events, checked and renamed.

    Raises:
        NotUnderstood: no CloudEvents, or one of them breaks the specification; then none is taken.
    """
    media = delivery.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == BATCH_CONTENT_TYPE:
        found = delivery.json()
        if not isinstance(found, list):
            raise NotUnderstood("a CloudEvents batch is a JSON array")
    elif media != CONTENT_TYPE and "ce-specversion" in delivery.headers:
        found = [_binary(delivery, media)]
    else:
        parsed = delivery.json()
        found = parsed if isinstance(parsed, list) else [parsed]
    out = Normalised(delivery)
    seen: set[str] = set()
    for position, raw in enumerate(found):
        event = _checked(raw, position, delivery.connection_id)
        if event["id"] in seen:
            out.ignore(f"event {position} repeats another of the same batch")
        else:
            seen.add(event["id"])
            out.entries.append(event)
    if not found:
        out.ignore("the batch is empty")
    return out


def _checked(raw: Any, position: int, connection_id: str) -> Event:
    if not isinstance(raw, dict):
        raise NotUnderstood(f"event {position} is no JSON object")
    missing = [name for name in ("specversion", "id", "source", "type") if not raw.get(name)]
    if missing:
        raise NotUnderstood(f"event {position} lacks {', '.join(missing)}")
    for name in raw:
        if not (name.isascii() and name.isalnum() and name == name.lower()) and name != "data_base64":
            raise NotUnderstood(f"event {position}: `{name[:64]}` is no CloudEvents attribute name (a-z, 0-9)")
    if "data_base64" in raw:
        _check_base64(raw["data_base64"], position)
    try:
        event = CloudEvent.model_validate(raw).to_dict()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise NotUnderstood(f"event {position}: {place}: {first['msg']}") from error
    except ValueError as error:
        raise TooDeep(f"event {position} is nested too deeply") from error
    for ours, name in ((_OUR_TYPE, "type"), (_OUR_SOURCE, "source")):
        if ours.match(event[name]):
            raise NotUnderstood(f"event {position}: {name} {event[name][:80]} is kept for the platform's own events")
    for name in _PLATFORM:
        event.pop(name, None)
    event["senderid"] = event["id"]
    event["id"] = derived_id(connection_id, f"{event['source']}\x1f{event['id']}", "0")
    return event


def _check_base64(value: Any, position: int) -> None:
    try:
        base64.b64decode(value, validate=True)
    except (ValueError, TypeError) as error:
        raise NotUnderstood(f"event {position}: data_base64 is not base64") from error


def _binary(delivery: Delivery, media: str) -> dict[str, Any]:
    """Attributes from ``ce-`` headers, percent-decoded; the body is the data."""
    event: dict[str, Any] = _attributes(delivery.headers)
    if media:
        event["datacontenttype"] = media
    if not delivery.body:
        return event
    if not media or media == "application/json" or media.endswith("+json"):
        event["data"] = delivery.json()
    elif media.startswith("text/"):
        try:
            event["data"] = delivery.body.decode()
        except UnicodeDecodeError as error:
            raise NotUnderstood("the body is text, but not UTF-8") from error
    else:
        event["data_base64"] = base64.b64encode(delivery.body).decode()
    return event


def _attributes(headers: Mapping[str, str]) -> dict[str, Any]:
    return {name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce-")}
