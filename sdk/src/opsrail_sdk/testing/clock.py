"""A clock that tests set; given to contexts in place of the wall clock."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Stands still until moved. Calling it tells the time, in UTC."""

    def __init__(self, now: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = now

    def __call__(self) -> datetime:
        return self._now

    def move(self, by: timedelta) -> None:
        self._now += by
