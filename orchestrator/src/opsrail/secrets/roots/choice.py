"""Which root key the settings name. Called by ``app`` at start."""

from pathlib import Path
from typing import Any

from opsrail.secrets.extras import imported
from opsrail.secrets.roots.base import Root, RootUnavailable
from opsrail.secrets.roots.local import EnvironmentRoot, FileRoot
from opsrail.secrets.settings import SecretsSettings


def root_of(settings: SecretsSettings, data: Path) -> Root:
    """The root key.

    Raises:
        RootUnavailable: a setting is missing or malformed.
        ExtraMissing: its library is not installed.
    """
    if settings.kms_key:
        from opsrail.secrets.roots.kms import KmsRoot  # noqa: PLC0415 (an extra)

        return KmsRoot(settings.kms_key)
    if settings.transit_key:
        from opsrail.secrets.roots.transit import TransitRoot  # noqa: PLC0415 (an extra)

        return TransitRoot(vault_client(settings), settings.transit_key, settings.transit_mount)
    if settings.key:
        previous = settings.previous_key.get_secret_value() if settings.previous_key else None
        return EnvironmentRoot(settings.key.get_secret_value(), previous)
    return FileRoot(data)


def vault_client(settings: SecretsSettings) -> Any:
    """An ``hvac.Client``.

    Raises:
        RootUnavailable, ExtraMissing.
    """
    if settings.vault_url is None or settings.vault_token is None:
        raise RootUnavailable("set OPSRAIL_SECRETS_VAULT_URL and OPSRAIL_SECRETS_VAULT_TOKEN")
    return imported("hvac", extra="vault").Client(
        url=str(settings.vault_url).rstrip("/"),
        token=settings.vault_token.get_secret_value(),
        namespace=settings.vault_namespace,
        timeout=10,
    )
