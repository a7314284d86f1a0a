"""What the simulators of GitHub and GitLab share: a JSON server on loopback that remembers what it was told."""

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class ForgeSimulator:
    """Answers POST requests by ``respond``. Errors queued in ``failures`` are answered first, one each."""

    def __init__(self, token: str = "forge-token") -> None:
        self.token = token
        self.statuses: list[dict[str, Any]] = []
        self.failures: deque[int] = deque()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
                code, answer = owner.answer(self.path, self.headers, body)
                content = json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Tests read ``statuses`` instead."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path: str, headers: Any, body: dict[str, Any]) -> tuple[int, Any]:
        if self.failures:
            return self.failures.popleft(), {"message": "simulated trouble"}
        return self.respond(path, headers, body)

    def respond(self, path: str, headers: Any, body: dict[str, Any]) -> tuple[int, Any]:
        """Status code and JSON body of the answer."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
