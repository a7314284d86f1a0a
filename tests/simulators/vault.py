"""HashiCorp Vault over HTTP as far as we use it: a key-value engine of version 2 and transit, written from its public
API documents: https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2, …/secret/transit.
"""

import base64
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "hvs.simulated"


class VaultSimulator:
    """``kv`` maps paths such as ``kv/data/app`` to their fields; ``versions`` are transit's keys, oldest first."""

    def __init__(self) -> None:
        self.kv: dict[str, dict[str, str]] = {}
        self.versions: list[bytes] = [AESGCM.generate_key(256)]
        self.down = False
        self.asked: list[str] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.respond({})

            def do_POST(self) -> None:
                self.respond(json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}"))

            do_PUT = do_POST  # noqa: N815 (the handler's names)

            def respond(self, body: dict[str, Any]) -> None:
                path = self.path.removeprefix("/v1/")
                owner.asked.append(path)
                code, answer = owner.answer(self.headers.get("X-Vault-Token"), path, body)
                content = b"" if answer is None else json.dumps(answer).encode()
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
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, token: str | None, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if self.down:
            return 503, {"errors": ["Vault is sealed"]}
        if token != TOKEN:
            return 403, {"errors": ["permission denied"]}
        if path.startswith("transit/"):
            return self._transit(path.split("/")[1:], body)
        fields = self.kv.get(path)
        return (404, {"errors": []}) if fields is None else (200, {"data": {"data": fields, "metadata": {}}})

    def _transit(self, path: list[str], body: dict[str, Any]) -> tuple[int, Any]:
        if path[-1] == "rotate":
            self.versions.append(AESGCM.generate_key(256))
        if path[0] == "encrypt":
            return 200, {"data": {"ciphertext": self._encrypt(body)}}
        if path[0] == "decrypt":
            return self._decrypt(body)
        return 200, {"data": {"latest_version": len(self.versions), "type": "aes256-gcm96"}}

    def _encrypt(self, body: dict[str, Any]) -> str:
        nonce = os.urandom(12)
        context = base64.b64decode(body.get("associated_data", ""))
        sealed = nonce + AESGCM(self.versions[-1]).encrypt(nonce, base64.b64decode(body["plaintext"]), context)
        return f"vault:v{len(self.versions)}:{base64.b64encode(sealed).decode()}"

    def _decrypt(self, body: dict[str, Any]) -> tuple[int, Any]:
        _, version, text = body["ciphertext"].split(":")
        sealed = base64.b64decode(text)
        context = base64.b64decode(body.get("associated_data", ""))
        try:
            plain = AESGCM(self.versions[int(version[1:]) - 1]).decrypt(sealed[:12], sealed[12:], context)
        except InvalidTag:
            return 400, {"errors": ["cipher: message authentication failed"]}
        return 200, {"data": {"plaintext": base64.b64encode(plain).decode()}}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
