"""Prometheus' HTTP API: https://prometheus.io/docs/prometheus/latest/querying/api/

Long ranges are asked for in pieces, since the server gives at most 11,000 points per series and question.
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from opsrail_sdk.contracts.run import ConnectionSecret
from opsrail_sdk.errors import InvalidInput, RateLimited, Refused, Unavailable

if TYPE_CHECKING:
    import httpx

POINTS_PER_REQUEST = 10_000
_PATIENCE_SECONDS = 20.0
_MOST_BYTES = 64 << 20


@dataclass
class RawSeries:
    """One series as the server gives it; NaN and infinities included."""

    labels: dict[str, str]
    points: list[tuple[datetime, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Answer:
    series: Sequence[RawSeries]
    warnings: Sequence[str]


class Prometheus:
    """Client of one connection; an async context manager."""

    def __init__(self, connection: ConnectionSecret) -> None:
        import httpx  # noqa: PLC0415

        from opsrail_sdk.outgoing import transport  # noqa: PLC0415

        settings, secrets, url = connection.settings, connection.secrets, str(connection.settings["url"])
        headers = {"Authorization": f"Bearer {secrets['token']}"} if secrets.get("token") else {}
        basic = (str(settings["username"]), secrets.get("password", "")) if settings.get("username") else None
        self._client: httpx.AsyncClient = httpx.AsyncClient(
            base_url=url,
            headers=headers,
            auth=basic,
            timeout=_PATIENCE_SECONDS,
            transport=transport(
                url,
                allow_private=connection.allow_private,
                verify=ssl.create_default_context() if settings.get("verify_tls", True) else False,
            ),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def instant(self, query: str, at: datetime) -> Answer:
        """Evaluate once; every series has one point. A scalar is a series without labels."""
        data, warnings = await self._ask("query", {"query": query, "time": _stamp(at)})
        return Answer(_instant_series(data), warnings)

    async def range(self, query: str, *, start: datetime, end: datetime, step: timedelta, max_points: int) -> Answer:
        """Evaluate from ``start`` to ``end``, both inclusive, every ``step``.

        Raises:
            InvalidInput: the server refuses the query, or the answer would exceed ``max_points``.
            Unavailable, RateLimited, Refused: the server is away, busy, or does not let us in.
        """
        merged: dict[tuple[tuple[str, str], ...], RawSeries] = {}
        warnings: dict[str, None] = {}
        total = 0
        while start <= end:
            last = min(end, start + step * (POINTS_PER_REQUEST - 1))
            arguments = {
                "query": query,
                "start": _stamp(start),
                "end": _stamp(last),
                "step": f"{step.total_seconds()}",
            }
            data, told = await self._ask("query_range", arguments)
            warnings |= dict.fromkeys(told)
            for entry in data["result"]:
                labels = dict(entry["metric"])
                series = merged.setdefault(tuple(sorted(labels.items())), RawSeries(labels))
                series.points += [_point(pair) for pair in entry["values"]]
                total += len(entry["values"])
            if total > max_points:
                raise InvalidInput(
                    f"the answer has more than {max_points} points; narrow the query, the range or the step"
                )
            start = last + step
        return Answer(list(merged.values()), list(warnings))

    async def units(self, metrics: set[str]) -> dict[str, str]:
        """Units that the metrics' own metadata declare; none where the server does not keep metadata."""
        wanted = {"metric": next(iter(metrics))} if len(metrics) == 1 else {}
        try:
            data, _ = await self._ask("metadata", wanted)
        except (InvalidInput, Unavailable, Refused):
            return {}
        return {
            name: entries[0]["unit"]
            for name, entries in data.items()
            if name in metrics and entries and entries[0].get("unit")
        }

    async def _ask(self, path: str, arguments: dict[str, str]) -> tuple[Any, list[str]]:
        import httpx  # noqa: PLC0415

        try:
            if path == "metadata":
                response = await self._client.get(f"/api/v1/{path}", params=arguments)
            else:
                response = await self._client.post(f"/api/v1/{path}", data=arguments)
        except httpx.TimeoutException as error:
            raise Unavailable("Prometheus did not answer in time", code="timeout") from error
        except httpx.HTTPError as error:
            raise Unavailable("Prometheus cannot be reached") from error
        return _read(response)


def _read(response: "httpx.Response") -> tuple[Any, list[str]]:
    if len(response.content) > _MOST_BYTES:
        raise InvalidInput("Prometheus' answer is larger than 64 MiB; narrow the query")
    try:
        body = response.json()
        status = body["status"]
    except (ValueError, KeyError, TypeError):
        body, status = {}, "none"
    if status == "success":
        return body["data"], [*body.get("warnings", []), *body.get("infos", [])]
    told = str(body.get("error") or f"status {response.status_code}")
    match response.status_code:
        case 400 | 422:
            raise InvalidInput(f"Prometheus refuses the query: {told}")
        case 401 | 403:
            raise Refused(f"Prometheus does not let us in: {told}", code="credentials_rejected")
        case 429:
            raise RateLimited(f"Prometheus asks us to slow down: {told}")
        case _ if status == "none" and response.status_code < 500:
            raise Refused(
                f"that is not Prometheus: it answered with status {response.status_code}", code="not_prometheus"
            )
        case _:
            raise Unavailable(f"Prometheus failed: {told}")


def _instant_series(data: Any) -> list[RawSeries]:
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        return [RawSeries({}, [_point(result)])]
    if kind == "vector":
        return [RawSeries(dict(entry["metric"]), [_point(entry["value"])]) for entry in result if "value" in entry]
    if kind == "matrix":
        return [RawSeries(dict(entry["metric"]), [_point(pair) for pair in entry["values"]]) for entry in result]
    raise InvalidInput(f"the query gives a {kind}, which is no series")


def _point(pair: Sequence[Any]) -> tuple[datetime, float]:
    """The server writes seconds as a number and the value as text, ``NaN`` and ``+Inf`` among them."""
    return datetime.fromtimestamp(float(pair[0]), UTC), float(pair[1])


def _stamp(at: datetime) -> str:
    return f"{at.timestamp():.3f}"
