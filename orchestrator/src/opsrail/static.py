"""The dashboard's files, built by Vite into ``static/``. Unknown paths get ``index.html``: routing is the page's."""

from pathlib import Path

from fastapi import FastAPI
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

    async def get_response(self, path: str, scope: Scope) -> Response:
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
