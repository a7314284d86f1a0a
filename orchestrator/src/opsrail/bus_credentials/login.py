"""The orchestrator's own login at NATS, from its settings. Called by ``app``."""

from opsrail.settings import NatsSettings
from opsrail.tls import TlsSettings
from opsrail_sdk.login import Login, login_for


def nats_login(nats: NatsSettings, tls: TlsSettings) -> Login:
    """Raises ``ConfigInvalid`` where a file is no good."""
    return login_for(nats.url.get_secret_value(), nats.credentials, ca=tls.ca, certificate=tls.cert, key=tls.key)
