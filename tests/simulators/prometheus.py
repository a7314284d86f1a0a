"""A Prometheus for what the real one cannot be made to do on demand. Answers every query with ``up`` = 1."""

from typing import Any

from tests.simulators.platform import PlatformSimulator


class PrometheusSimulator(PlatformSimulator):
    """``seen`` holds the arguments of every query and its ``Authorization``."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[dict[str, str], str | None]] = []
        self.body: bytes | None = None

    def respond(self, path: str, headers: Any, arguments: dict[str, str]) -> tuple[int, Any]:
        self.seen.append((arguments, headers.get("Authorization")))
        if self.body is not None:
            return 200, self.body
        if path == "/api/v1/metadata":
            return 404, {"status": "error", "error": "not kept here"}
        result = [{"metric": {"__name__": "up"}, "value": [0, "1"]}]
        return 200, {"status": "success", "data": {"resultType": "vector", "result": result}}
