"""Settings of secrets."""

from datetime import timedelta

from pydantic import BaseModel, Field, HttpUrl, SecretStr


class SecretsSettings(BaseModel):
    """``OPSRAIL_SECRETS_…``. The root key is the first of: KMS, transit, environment, a file in the data folder."""

    key: SecretStr | None = Field(default=None, description="Root key: 32 bytes in base64")
    previous_key: SecretStr | None = Field(default=None, description="The root key before, until a rotation is done")
    kms_key: str | None = Field(default=None, description="Root key in AWS KMS: id, ARN or alias")
    transit_key: str | None = Field(default=None, description="Name of the root key in Vault's transit engine")
    transit_mount: str = Field(default="transit", description="Where Vault's transit engine is mounted")
    vault_url: HttpUrl | None = Field(default=None, description="Address of Vault or OpenBao")
    vault_token: SecretStr | None = Field(default=None, description="Token for Vault")
    vault_namespace: str | None = Field(default=None, description="Namespace in Vault Enterprise")
    kubernetes_url: HttpUrl | None = Field(
        default=None, description="Address of the Kubernetes API; the pod's own service account where left out"
    )
    kubernetes_token: SecretStr | None = Field(default=None, description="Token for the Kubernetes API")
    references: list[str] = Field(
        default_factory=list,
        description="What organisations may refer to, as patterns such as `env:DEPLOY_*` or `vault:kv/data/{org}/*`,"
        " where {org} is the organisation's short name; nothing where empty, since what this process may read is"
        " more than any one organisation should",
    )
    cache: timedelta = Field(
        default=timedelta(seconds=30), description="How long a value from outside is believed; it is never stored"
    )
