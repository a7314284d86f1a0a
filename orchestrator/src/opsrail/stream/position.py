"""Where a reader of ``/v1/stream`` is: the next item of each stream that it has not had.

Written ``e<sequence>.<index>-r<sequence>`` as the SSE id: the next event is item ``index`` of message ``sequence`` of
``EVENTS``, the next run status is the first at or after ``sequence`` of ``RUNS``.
"""

import re
from dataclasses import dataclass

_FORM = re.compile(r"e(\d{1,18})\.(\d{1,9})-r(\d{1,18})", re.ASCII)


@dataclass(frozen=True)
class Position:
    event: int
    index: int
    run: int

    def __str__(self) -> str:
        return f"e{self.event}.{self.index}-r{self.run}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Read an id of ours.

        Raises:
            ValueError: it is none.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError("not a position of this stream")
        event, index, run = (int(part) for part in found.groups())
        return cls(max(event, 1), index, max(run, 1))
