"""The events that the certificate agent emits."""

from datetime import date

from opsrail_certs.certificate import Certificate
from opsrail_sdk import CloudEvent
from opsrail_sdk.contracts.cloudevent import derived_id

EXPIRING = "io.opsrail.certificate.expiring.v1"
UNREADABLE = "io.opsrail.certificate.unreadable.v1"
SOURCE = "/agents/certs"


def expiring(certificate: Certificate, warning: int) -> CloudEvent:
    """One per certificate and warning, however often it is looked at."""
    return CloudEvent(
        id=derived_id(EXPIRING, certificate.server, certificate.fingerprint, str(warning)),
        source=SOURCE,
        type=EXPIRING,
        subject=certificate.server,
        data={"certificate": certificate.model_dump(mode="json"), "warn_days": warning},
    )


def unreadable(server: str, day: date, reason: str) -> CloudEvent:
    """One per server and day."""
    return CloudEvent(
        id=derived_id(UNREADABLE, server, day.isoformat()),
        source=SOURCE,
        type=UNREADABLE,
        subject=server,
        data={"server": server, "reason": reason},
    )
