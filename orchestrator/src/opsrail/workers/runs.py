"""The loops that carry runs from wish to outcome. Listed here for ``app``, which starts them."""

from opsrail.container import Container
from opsrail.workers.announcer import Announcer
from opsrail.workers.approvals import Approvals
from opsrail.workers.canceller import Canceller
from opsrail.workers.dispatcher import Dispatcher
from opsrail.workers.recaller import Recaller
from opsrail.workers.requests import Requests
from opsrail.workers.results import Results
from opsrail.workers.retention import Retention
from opsrail.workers.runner import Worker
from opsrail.workers.sweeper import Sweeper


def run_workers(container: Container) -> list[Worker]:
    """One of each; replicas of the process share the work."""
    database, bus, hints = container.database, container.bus, container.hints
    return [
        Requests(database, bus, hints),
        Dispatcher(database, bus, hints, container.signer),
        Results(database, bus, hints, keep_artifacts=container.settings.retention.artifacts),
        Canceller(database, bus, hints),
        Recaller(database, bus, hints),
        Approvals(database, bus, hints, lifetime=container.settings.approvals.lifetime),
        Announcer(database, bus, hints),
        Sweeper(database, bus, hints),
        Retention(database, bus, keep_runs=container.settings.retention.runs),
    ]
