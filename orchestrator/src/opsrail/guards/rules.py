"""The JSON forms of guards, and what each says about a wish. Pure but for the clock that is passed in.

A **selector** narrows a guard; what it leaves out means any, but reads are exempt unless ``risks`` names them::

    {"agents": ["cd"], "actions": ["cd.restart_*"], "environments": ["production"], "targets": ["api-*"],
     "risks": ["write", "destructive"]}

A **freeze** holds for ``duration`` from every time that the cron expression (five fields) names in its time zone::

    {"cron": "0 18 * * FRI", "duration": "PT62H", "timezone": "Europe/Berlin"}

A **budget** bounds what is used within a sliding window: actions, money, or the share of a fleet whose size the
input names. ``per`` says who shares it::

    {"measure": "actions", "limit": 5, "window": "PT1H", "per": "target"}
    {"measure": "cost", "limit": "200.00", "window": "P1D", "per": "organisation"}
    {"measure": "share", "limit": 0.25, "affected": "/nodes", "fleet": "/fleet_size"}

A **sequence** forbids doing the same to the same target again too soon, unless the earlier run came to a good end::

    {"within": "PT10M", "unless": ["verified"]}
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from opsrail_sdk.contracts.manifest import Risk
from opsrail_sdk.contracts.run import RunState

LONGEST_WINDOW = timedelta(days=31)
"""What counts is forgotten after this."""

_Pattern = Annotated[str, Field(max_length=200)]
_Window = Annotated[timedelta, Field(ge=timedelta(seconds=1), le=LONGEST_WINDOW)]
_Pointer = Annotated[str, Field(pattern=r"^/", max_length=200, description="JSON pointer into the input")]


def _known_zone(name: str) -> str:
    if name != "UTC" and name not in available_timezones():
        raise ValueError("not a time zone of the IANA database")
    return name


def _sound_cron(text: str) -> str:
    if len(text.split()) != 5:
        raise ValueError("a cron expression has five fields: minute, hour, day of month, month, day of week")
    try:
        next(CronSim(text, datetime.now(UTC)))
    except CronSimError as error:
        raise ValueError(str(error)) from error
    except StopIteration as error:
        raise ValueError("no such time comes") from error
    return text


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Selector(_Form):
    """Which wishes a guard is about. An environment or target that the input does not tell is ``""``."""

    agents: list[_Pattern] | None = Field(default=None, max_length=100)
    actions: list[_Pattern] | None = Field(default=None, max_length=100, description="`agent.action`, `*` matches")
    environments: list[_Pattern] | None = Field(default=None, max_length=100)
    targets: list[_Pattern] | None = Field(default=None, max_length=100, description="`*` matches")
    risks: list[Risk] = Field(default=[Risk.WRITE, Risk.DESTRUCTIVE], max_length=3)

    def takes(self, *, agent: str, action: str, environment: str, target: str, risk: str) -> bool:
        return (
            risk in self.risks
            and (self.agents is None or agent in self.agents)
            and _any(self.actions, f"{agent}.{action}")
            and (self.environments is None or environment in self.environments)
            and _any(self.targets, target)
        )


class Freeze(_Form):
    """Windows in which nothing that the selector names may begin."""

    cron: Annotated[str, Field(max_length=100), AfterValidator(_sound_cron)]
    duration: timedelta = Field(ge=timedelta(minutes=1), le=timedelta(days=366))
    timezone: Annotated[str, Field(max_length=64), AfterValidator(_known_zone)] = "UTC"

    def ends(self, at: datetime) -> datetime | None:
        """When the window that ``at`` lies in ends, exclusive; None where it lies in none."""
        local = at.astimezone(ZoneInfo(self.timezone)).replace(microsecond=1)
        began = next(CronSim(self.cron, local, reverse=True), None)
        if began is None:
            return None
        ends = began.astimezone(UTC) + self.duration
        return ends if at < ends else None

    def next_start(self, at: datetime) -> datetime | None:
        """The next beginning after ``at``."""
        found = next(CronSim(self.cron, at.astimezone(ZoneInfo(self.timezone))), None)
        return found.astimezone(UTC) if found else None


class Budget(_Form):
    """So much within a window, and no more."""

    measure: Literal["actions", "cost", "share"] = "actions"
    limit: Annotated[Decimal, Field(gt=0, le=10**12, max_digits=18, decimal_places=6)]
    window: _Window = timedelta(hours=1)
    per: Literal["target", "environment", "agent", "organisation"] = "target"
    affected: _Pointer = "/affected"
    fleet: _Pointer = "/fleet_size"


class Sequence(_Form):
    """The same action on the same target waits for ``within``, unless the earlier run is in a state of ``unless``."""

    within: _Window
    unless: list[RunState] = Field(default=[RunState.VERIFIED], max_length=len(RunState))


RULES: Mapping[str, type[Freeze] | type[Budget] | type[Sequence]] = {
    "freeze": Freeze,
    "budget": Budget,
    "sequence": Sequence,
}


def count_of(value: Any) -> Decimal | None:
    """How many a part of an input stands for: a number is itself, a list its length; None where it is neither."""
    if isinstance(value, list):
        return Decimal(len(value))
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return Decimal(str(value))
    return None


def at_pointer(document: Any, pointer: str) -> Any:
    """What an RFC 6901 pointer names; None where there is nothing."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, Mapping):
            document = document.get(key)
        elif isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        else:
            return None
    return document


def _any(patterns: list[str] | None, text: str) -> bool:
    return patterns is None or any(fnmatchcase(text, pattern) for pattern in patterns)
