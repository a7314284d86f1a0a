"""Server-sent events, read line by line (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True)
class Message:
    event: str
    id: str | None
    data: str

    def json(self) -> Any:
        return orjson.loads(self.data)


def parse(lines: Iterable[str]) -> Iterator[Message]:
    """Messages of a stream; comments and unknown fields are passed over."""
    event, ident, data = "message", None, list[str]()
    for line in lines:
        if not line:
            if data:
                yield Message(event, ident, "\n".join(data))
            event, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            event = value
        elif field == "id":
            ident = value
        elif field == "data":
            data.append(value)
