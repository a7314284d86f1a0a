"""The dashboard's files, built by Vite into ``static/``. Unknown paths get ``index.html``: routing is the page's.

Beside a script or style lies the same compressed (``.gz``), which is sent to whoever takes it.
"""

import os
from pathlib import Path

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


class Dashboard(StaticFiles):
    """Static files with a fallback to the single page, and a strict content security policy."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        packed = Path(f"{os.fspath(full_path)}.gz")
        if not packed.is_file():
            return super().file_response(full_path, stat_result, scope, status_code)
        if "gzip" in Headers(scope=scope).get("accept-encoding", ""):
            response = super().file_response(packed, packed.stat(), scope, status_code)
            response.headers["Content-Encoding"] = "gzip"
        else:
            response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Vary"] = "Accept-Encoding"
        return response

    async def get_response(self, path: str, scope: Scope) -> Response:
        if path.startswith("v1/") and scope["method"] == "HEAD":
            raise HTTPException(405, headers={"Allow": "GET"})
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404 or path.startswith(("v1/", "assets/")):
                raise
            response = await super().get_response("index.html", scope)
        hashed = path.startswith("assets/")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if hashed else "no-cache"
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Referrer-Policy"] = "same-origin"
        return response


def mount(app: FastAPI) -> None:
    """Serve the dashboard at ``/`` where it was built; the API works without it."""
    if (FOLDER / "index.html").is_file():
        app.mount("/", Dashboard(directory=FOLDER, html=True), name="dashboard")
