"""What the simulators of platforms share: a JSON API on loopback, answered by path, with queued failures."""

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


class PlatformSimulator:
    """Answers GET and POST by ``respond``. Status codes queued in ``failures`` are answered first, one each."""

    def __init__(self) -> None:
        self.failures: deque[int] = deque()
        self.asked: list[str] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.respond_to_any()

            def do_POST(self) -> None:
                self.respond_to_any()

            def respond_to_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                parts = urlsplit(self.path)
                form = parse_qs(self.rfile.read(length).decode()) | parse_qs(parts.query)
                owner.asked.append(parts.path)
                code, answer = owner.answer(
                    parts.path, self.headers, {name: values[0] for name, values in form.items()}
                )
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Tests read ``asked`` instead."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, path: str, headers: Any, arguments: dict[str, str]) -> tuple[int, Any]:
        if self.failures:
            return self.failures.popleft(), {"message": "simulated trouble", "error": "simulated trouble"}
        return self.respond(path, headers, arguments)

    def respond(self, path: str, headers: Any, arguments: dict[str, str]) -> tuple[int, Any]:
        """Status code and body of the answer."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
