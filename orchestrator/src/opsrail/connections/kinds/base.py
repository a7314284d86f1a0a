"""What a kind of connection is, and the field types that its settings are made of."""

import re
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

ADDRESS = "address"
"""Mark in a field's JSON Schema: a URL that an agent will call."""

_FIELD = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")
_HOST = re.compile(r"^[A-Za-z0-9._:-]+$")


def _checked_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.username or parts.password:
        raise ValueError("credentials belong in the secret fields, not in the address")
    if parts.fragment:
        raise ValueError("an address has no fragment")
    if parts.scheme != "unix" and not (parts.hostname and _HOST.match(parts.hostname)):
        raise ValueError("an address needs a host")
    try:
        _ = parts.port
    except ValueError as error:
        raise ValueError("the port is not a number from 0 to 65535") from error
    return text.rstrip("/")


def _one_of(*schemes: str) -> AfterValidator:
    def check(text: str) -> str:
        if urlsplit(text).scheme not in schemes:
            raise ValueError(f"an address begins with {' or '.join(f'{scheme}:' for scheme in schemes)}")
        return _checked_url(text)

    return AfterValidator(check)


_marked = Field(max_length=2048, json_schema_extra={"format": "uri", ADDRESS: True})

HttpAddress = Annotated[str, _one_of("http", "https"), _marked]
GitAddress = Annotated[str, _one_of("http", "https", "ssh"), _marked]
EngineAddress = Annotated[str, _one_of("unix", "tcp", "http", "https", "ssh"), _marked]


class KindSettings(BaseModel):
    """Base of the settings of a kind; a misspelt field is an error."""

    model_config = ConfigDict(extra="forbid")


class NoSettings(KindSettings):
    """A kind with nothing to set."""


@dataclass(frozen=True)
class Kind:
    """One kind of outside system.

    ``hooks``: it sends webhooks to us. ``secrets``: field name to what it is, in an operator's words;
    ``free_secrets``: names of the operator's own besides.
    """

    name: str
    title: str
    settings: type[KindSettings]
    secrets: dict[str, str]
    hooks: bool = False
    free_secrets: bool = False

    def knows_secret(self, field: str) -> bool:
        return field in self.secrets or (self.free_secrets and _FIELD.match(field) is not None)

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the settings."""
        return self.settings.model_json_schema()

    def addresses(self, settings: dict[str, Any]) -> dict[str, str]:
        """The addresses in these settings, by field."""
        return {
            name: str(settings[name])
            for name, field in self.settings.model_fields.items()
            if settings.get(name) and isinstance(field.json_schema_extra, dict) and ADDRESS in field.json_schema_extra
        }
