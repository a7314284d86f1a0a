"""A Docker Engine's read side: version, list and inspection of containers.

https://docs.docker.com/reference/api/engine/version/v1.41/
"""

import json
from typing import Any

from tests.simulators.platform import PlatformSimulator


class DockerEngineSimulator(PlatformSimulator):
    """``containers`` are whole inspections, each with an ``Id``."""

    def __init__(self) -> None:
        super().__init__()
        self.containers: list[dict[str, Any]] = []

    @property
    def host(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def respond(self, path: str, headers: Any, arguments: dict[str, str]) -> tuple[int, Any]:
        if path.endswith("/version"):
            return 200, {"ApiVersion": "1.41", "MinAPIVersion": "1.24"}
        if path.endswith("/containers/json"):
            labels = json.loads(arguments.get("filters", "{}")).get("label", [])
            return 200, [{"Id": item["Id"]} for item in self.containers if _has(item, labels)]
        for item in self.containers:
            if path.endswith(f"/containers/{item['Id']}/json"):
                return 200, item
        return 404, {"message": "no such container"}


def _has(item: dict[str, Any], labels: list[str]) -> bool:
    own = item["Config"].get("Labels") or {}
    return all(own.get(label.partition("=")[0]) == label.partition("=")[2] for label in labels)
