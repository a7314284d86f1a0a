"""The certificate agent: who it is, and its parts put together."""

from opsrail_certs.actions.check import check
from opsrail_certs.events import EXPIRING, UNREADABLE
from opsrail_certs.queries.expiry import expiry
from opsrail_certs.schedules.watch import watch
from opsrail_certs.settings import CertsConfig
from opsrail_sdk import Agent, Maturity, Permission

agent = Agent(
    id="certs",
    title="Certificates",
    description="Tells before a server's TLS certificate ends.",
    version="0.1.0",
    owner="opsrail",
    module="opsrail_certs",
    maturity=Maturity.ALPHA,
    config=CertsConfig,
    permissions=(Permission(name="network", reason="Open a TLS connection to the servers it looks at."),),
    emits=(EXPIRING, UNREADABLE),
    actions=(check,),
    queries=(expiry,),
    schedules=(watch,),
)
