"""The session cookie and the CSRF token that belongs to it.

Over HTTPS the cookie has the prefix ``__Host-``: it is bound to this host, to ``/`` and to TLS. The CSRF token is an
HMAC of the session's secret, so only whoever was given the session can know it; it is sent in ``X-CSRF-Token``
(https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html, signed
double submit).
"""

import hashlib
import hmac

from starlette.requests import HTTPConnection
from starlette.responses import Response

from opsrail.auth import secret
from opsrail.auth.address import caller_of, is_own_origin
from opsrail.errors import Forbidden
from opsrail.settings import Settings

NAME = "opsrail_session"
SECURE_NAME = f"__Host-{NAME}"
CSRF_HEADER = "X-CSRF-Token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def set_session(response: Response, connection: HTTPConnection, settings: Settings, value: str) -> None:
    """Give the session to the browser; it is kept until the session's end, and HttpOnly always."""
    https = caller_of(connection, settings).https
    response.set_cookie(
        SECURE_NAME if https else NAME,
        value,
        max_age=int(settings.auth.session_lifetime.total_seconds()),
        path="/",
        secure=https,
        httponly=True,
        samesite="lax",
    )


def clear_session(response: Response, connection: HTTPConnection, settings: Settings) -> None:
    https = caller_of(connection, settings).https
    response.delete_cookie(SECURE_NAME if https else NAME, path="/", secure=https, httponly=True, samesite="lax")


def session_of(connection: HTTPConnection) -> secret.PresentedToken | None:
    """The session that the browser presents, not yet checked."""
    value = connection.cookies.get(SECURE_NAME) or connection.cookies.get(NAME)
    return secret.parse(value, secret.SESSION_PREFIX) if value else None


def csrf_token(session_secret: str) -> str:
    """The token of a session, given its secret."""
    return hmac.new(session_secret.encode(), b"opsrail csrf", hashlib.sha256).hexdigest()


def check_csrf(connection: HTTPConnection, settings: Settings) -> None:
    """Raises ``Forbidden`` where a page of another origin may have sent an unsafe request with our cookie."""
    if connection.scope["method"] in _SAFE:
        return
    check_origin(connection, settings)
    presented = session_of(connection)
    given = connection.headers.get(CSRF_HEADER, "")
    if presented is None or not hmac.compare_digest(csrf_token(presented.secret).encode(), given.encode()):
        raise Forbidden(f"send the session's `csrf_token` as {CSRF_HEADER}", code="csrf")


def check_origin(connection: HTTPConnection, settings: Settings) -> None:
    """Raises ``Forbidden`` where a browser says that another site's page sent this."""
    if not is_own_origin(connection, settings):
        raise Forbidden("a page of another site sent this", code="csrf")
