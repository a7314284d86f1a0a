"""The REST client behind the commands: where the orchestrator is, who we are, problems as messages."""

import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson

from opsrail.cli.logins import kept
from opsrail.cli.output import fail
from opsrail.cli.sse import Message, parse

DEFAULT_URL = "http://127.0.0.1:8787"
URL_FILE = "url"
"""Written into the data folder by ``opsrail up``: the address, also where the port was free to choose."""


def data_folder() -> Path:
    """``OPSRAIL_DATA``, or ``.opsrail`` here."""
    return Path(os.environ.get("OPSRAIL_DATA", ".opsrail"))


def address() -> str:
    """Where the orchestrator is: ``OPSRAIL_URL``, what the stack wrote into its folder, or the default."""
    given = os.environ.get("OPSRAIL_URL")
    if given:
        return given
    written = data_folder() / URL_FILE
    return written.read_text().strip() if written.is_file() else DEFAULT_URL


def trust() -> ssl.SSLContext | bool:
    """What the orchestrator is verified with: ``OPSRAIL_TLS_CA``, else the usual certificates."""
    ca = os.environ.get("OPSRAIL_TLS_CA")
    if not ca:
        return True
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        fail(f"OPSRAIL_TLS_CA: {ca}: {error.strerror or error}")


def _token() -> str:
    given = os.environ.get("OPSRAIL_TOKEN")
    if given:
        return given
    login = kept(address().rstrip("/"))
    if login:
        return login
    path = data_folder() / "admin.token"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        fail(
            "no token: `opsrail login`, or set OPSRAIL_TOKEN, or OPSRAIL_DATA to the stack's data folder"
            f" (looked for {path})"
        )
    except PermissionError:
        fail(f"no token: {path} may not be read by this user; set OPSRAIL_TOKEN")


class Client:
    """Talks to ``/v1``. Every failure ends the command with one clear line."""

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        self.url = (url or address()).rstrip("/")
        self._http = httpx.Client(
            base_url=f"{self.url}/v1",
            headers={"Authorization": f"Bearer {token or _token()}"},
            timeout=60,
            verify=trust(),
        )

    def get(self, path: str, **params: Any) -> Any:
        return self._send("GET", path, params={key: value for key, value in params.items() if value is not None})

    def post(self, path: str, body: Any = None, *, headers: dict[str, str] | None = None) -> Any:
        return self._send("POST", path, json=body if body is not None else {}, headers=headers)

    def put(self, path: str, body: Any) -> Any:
        return self._send("PUT", path, json=body)

    def patch(self, path: str, body: Any) -> Any:
        return self._send("PATCH", path, json=body)

    def delete(self, path: str) -> Any:
        return self._send("DELETE", path)

    def attempt(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """The answer as it is, also where it is a refusal."""
        try:
            return self._http.request(method, path, json=body)
        except httpx.TransportError as error:
            fail(self._unreachable(error))

    def items(self, path: str, *, limit: int, **params: Any) -> list[dict[str, Any]]:
        """Up to ``limit`` items of a list, across pages."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while len(found) < limit:
            page = self.get(path, limit=min(limit - len(found), 500), cursor=cursor, **params)
            found += page["items"]
            cursor = page.get("next")
            if not cursor:
                break
        return found

    def download(self, path: str) -> Iterator[bytes]:
        """The bytes of an answer, as they come."""
        try:
            with self._http.stream("GET", path) as response:
                if response.is_error:
                    response.read()
                    explain(response)
                yield from response.iter_bytes()
        except httpx.TransportError as error:
            fail(self._unreachable(error))

    def follow(self, path: str, *, last_id: str | None = None, **params: Any) -> Iterator[Message]:
        """Server-sent events; a broken stream is taken up again after the last id."""
        while True:
            headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
            try:
                with self._http.stream(
                    "GET", path, params=params, headers=headers, timeout=httpx.Timeout(10, read=45)
                ) as response:
                    if response.is_error:
                        response.read()
                        explain(response)
                    for message in parse(response.iter_lines()):
                        last_id = message.id or last_id
                        yield message
                        if message.event == "end":
                            return
            except (httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.ReadError):
                continue
            except httpx.TransportError as error:
                fail(self._unreachable(error))

    def _send(self, method: str, path: str, **options: Any) -> Any:
        try:
            response = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            fail(self._unreachable(error))
        if response.is_error:
            explain(response)
        return orjson.loads(response.content) if response.content else None

    def _unreachable(self, error: Exception) -> str:
        return f"no orchestrator answers at {self.url} ({error}); start one with `make up`, or set OPSRAIL_URL"


def explain(response: httpx.Response) -> None:
    try:
        problem = orjson.loads(response.content)
        detail = f"{problem['detail']} [{problem['code']}]"
        detail += "".join(f"\n  {item['field']}: {item['message']}" for item in problem.get("errors", ()))
        if problem.get("correlation_id"):
            detail += f"\n  correlation id {problem['correlation_id']}"
    except (orjson.JSONDecodeError, KeyError, TypeError):
        detail = f"HTTP {response.status_code} from {response.url}"
    fail(detail)
