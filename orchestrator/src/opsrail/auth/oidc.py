"""OpenID Connect with the authorization code flow, PKCE, state and nonce. Called by ``oidc_endpoints``.

After https://openid.net/specs/openid-connect-core-1_0.html and RFC 9700. What the flow must remember between start
and callback travels in a sealed cookie, so that only the browser that began it can finish it.

The libraries are imported at a login: many an orchestrator never sees one, and every start would pay for them.
"""

import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson

from opsrail.auth.models import IdentityProvider
from opsrail.errors import FieldError, Invalid, OrchestratorError, Unauthenticated
from opsrail.sealing import SealBroken, Sealer
from opsrail_sdk.addresses import url_objection

FLOW_LIFETIME = timedelta(minutes=10)
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_LEEWAY = 60
_TIMEOUT = 10.0
_LONGEST_DOCUMENT = 1 << 20


class ProviderFailed(OrchestratorError):
    """The identity provider is away, or does not speak as the specification says."""

    status, code, title = 424, "provider_away", "The identity provider failed"


@dataclass(frozen=True)
class Flow:
    """What is remembered of a login under way."""

    provider_id: uuid.UUID
    state: str
    nonce: str
    verifier: str
    next: str
    expires_at: datetime

    def seal(self, sealer: Sealer) -> str:
        fields = {**self.__dict__, "provider_id": str(self.provider_id), "expires_at": self.expires_at.isoformat()}
        return sealer.seal(orjson.dumps(fields), context="oidc flow").hex()

    @classmethod
    def open(cls, sealer: Sealer, sealed: str) -> "Flow | None":
        """``None`` where it was not made by us or is too old."""
        try:
            fields = orjson.loads(sealer.open(bytes.fromhex(sealed), context="oidc flow"))
        except (SealBroken, ValueError):
            return None
        flow = cls(
            uuid.UUID(fields["provider_id"]),
            fields["state"],
            fields["nonce"],
            fields["verifier"],
            fields["next"],
            datetime.fromisoformat(fields["expires_at"]),
        )
        return flow if flow.expires_at > datetime.now(UTC) else None


def seal_context(provider_id: uuid.UUID) -> str:
    return f"identity_providers:{provider_id}:client_secret"


async def check_address(url: str, *, allow_private: bool) -> None:
    """Raises ``Invalid`` where a provider's address may not be called."""
    parts = urlsplit(url)
    reason = await url_objection(url, allow_private=allow_private)
    if parts.scheme != "https" and not allow_private:
        reason = reason or "it must be https"
    if parts.scheme not in {"https", "http"} or parts.query or parts.fragment or parts.username:
        reason = "it must be a plain https address"
    if reason:
        raise Invalid(
            f"the issuer may not be called: {reason}", code="address_refused", errors=[FieldError("issuer", reason)]
        )


class Provider:
    """One login's conversation with a provider."""

    def __init__(self, row: IdentityProvider, sealer: Sealer, *, redirect_uri: str, allow_private: bool) -> None:
        self._row = row
        self._redirect_uri = redirect_uri
        self._allow_private = allow_private
        sealed = row.sealed_client_secret
        self._secret = sealer.open(sealed, context=seal_context(row.id)).decode() if sealed else None

    async def begin(self, next_page: str) -> tuple[str, Flow]:
        """Where to send the browser, and what to remember.

        Raises:
            ProviderFailed: the provider does not answer as it should.
        """
        from authlib.oauth2.client import OAuth2Client  # type: ignore[import-untyped]  # noqa: PLC0415

        metadata = await self._metadata()
        flow = Flow(
            provider_id=self._row.id,
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            next=next_page,
            expires_at=datetime.now(UTC) + FLOW_LIFETIME,
        )
        client = OAuth2Client(
            session=None,
            client_id=self._row.client_id,
            scope=" ".join(self._row.scopes),
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
        )
        url, _ = client.create_authorization_url(
            metadata["authorization_endpoint"], state=flow.state, nonce=flow.nonce, code_verifier=flow.verifier
        )
        return str(url), flow

    async def finish(self, flow: Flow, code: str) -> dict[str, Any]:
        """The claims of the person, proved.

        Raises:
            Unauthenticated: the code or the ID token is not accepted.
            ProviderFailed: the provider does not answer as it should.
        """
        from joserfc import jwt  # noqa: PLC0415
        from joserfc.errors import JoseError  # noqa: PLC0415
        from joserfc.jwk import KeySet  # noqa: PLC0415

        metadata = await self._metadata()
        id_token = await self._exchange(metadata, flow, code)
        keys = await self._get(metadata["jwks_uri"])
        try:
            token = jwt.decode(id_token, KeySet.import_key_set(keys), algorithms=_ALGORITHMS)  # type: ignore[arg-type]
            jwt.JWTClaimsRegistry(
                leeway=_LEEWAY,
                iss={"essential": True, "value": metadata["issuer"]},
                aud={"essential": True, "value": self._row.client_id},
                exp={"essential": True},
                iat={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": flow.nonce},
            ).validate(token.claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise refused(f"the ID token is not accepted: {error}") from error
        if token.claims.get("azp", self._row.client_id) != self._row.client_id:
            raise refused("the ID token was made for another client")
        return dict(token.claims)

    async def _metadata(self) -> dict[str, str]:
        """The discovery document, as far as we need it."""
        document = await self._get(f"{self._row.issuer}/.well-known/openid-configuration")
        needed = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
        if not all(isinstance(document.get(name), str) for name in needed):
            raise ProviderFailed("the provider's discovery document is incomplete", code="provider_unsound")
        if document["issuer"].rstrip("/") != self._row.issuer:
            raise ProviderFailed("the provider's discovery document names another issuer", code="provider_unsound")
        return {name: document[name] for name in needed}

    async def _exchange(self, metadata: dict[str, str], flow: Flow, code: str) -> str:
        from authlib.oauth2.auth import ClientAuth  # type: ignore[import-untyped]  # noqa: PLC0415
        from authlib.oauth2.rfc6749.parameters import (  # type: ignore[import-untyped]  # noqa: PLC0415
            prepare_token_request,
        )

        body = prepare_token_request(
            "authorization_code", code=code, redirect_uri=self._redirect_uri, code_verifier=flow.verifier
        )
        method = "client_secret_basic" if self._secret else "none"
        auth = ClientAuth(self._row.client_id, self._secret, method)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        url, headers, body = auth.prepare("POST", metadata["token_endpoint"], headers, body)
        status, answer = await self._send("POST", url, headers=headers, content=body)
        id_token = answer.get("id_token")
        if status != 200 or not isinstance(id_token, str):
            raise refused(f"the provider refused the code: {status} {answer.get('error', '')}")
        return id_token

    async def _get(self, url: str) -> dict[str, Any]:
        status, answer = await self._send("GET", url)
        if status != 200:
            raise ProviderFailed(f"the identity provider answered {status}", code="provider_unsound")
        return answer

    async def _send(self, method: str, url: str, **options: Any) -> tuple[int, dict[str, Any]]:
        """A request to an address that the provider names; redirects are not followed."""
        import httpx  # noqa: PLC0415

        from opsrail_sdk.outgoing import AddressRefused, transport  # noqa: PLC0415

        if urlsplit(url).scheme not in {"https", "http"}:
            raise ProviderFailed("the provider names no http address", code="provider_unsound")
        try:
            async with (
                httpx.AsyncClient(
                    timeout=_TIMEOUT,
                    follow_redirects=False,
                    transport=transport(url, allow_private=self._allow_private, environment=False),
                ) as client,
                client.stream(method, url, **options) as response,
            ):
                content = b""
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > _LONGEST_DOCUMENT:
                        raise ProviderFailed("the identity provider answered too much", code="provider_unsound")
            answer = orjson.loads(content)
        except AddressRefused as error:
            raise ProviderFailed(
                "the provider names an address that may not be called", code="address_refused"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, orjson.JSONDecodeError) as error:
            raise ProviderFailed("the identity provider does not answer", code="provider_away") from error
        if not isinstance(answer, dict):
            raise ProviderFailed("the identity provider did not answer a JSON object", code="provider_unsound")
        return response.status_code, answer


def refused(reason: str) -> Unauthenticated:
    """The one answer to every login that a provider does not vouch for; ``reason`` is for the audit trail."""
    error = Unauthenticated("the identity provider does not vouch for you here", code="login_rejected")
    error.add_note(reason)
    return error
