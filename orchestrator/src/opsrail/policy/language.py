"""Policies as text, made ready to judge. Pure; called by ``gate``, by tests of policies and by replays.

The language is Cedar (https://docs.cedarpolicy.com) with five annotations of ours:

* ``@id("name")`` on each policy, unique in the set: what decisions refer to.
* ``@reason("…")``: why, in words for people.
* ``@approvals("n")`` on a ``forbid``: approvals by ``n`` distinct people lift it. To Cedar it stays a plain
  ``forbid``, so wherever the annotation is unknown the action is refused.
* ``@approver("role")`` beside it: the role that an approver needs; ``approver`` where left out.
* ``@expires("PT1H")`` beside it: how long approval may be waited for, an ISO 8601 duration; else as the settings say.

Where several liftable ``forbid``s decide, each gets its due: the most approvals, every role that one names, the
shortest wait.

Three outcomes come of Cedar's two. What all policies allow is permitted. What a ``forbid`` without ``@approvals``
denies is denied. What only liftable ``forbid``s deny, and the set without them allows, needs approval. A policy that
fails to evaluate, a question that is no valid request and a question that no ``permit`` matches are denied.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import TypeAdapter, ValidationError

from opsrail.errors import FieldError, Invalid
from opsrail.policy.question import Question

if TYPE_CHECKING:
    import cedarpy

LONGEST = 256 * 1024
"""Characters of a policy set."""
MOST_APPROVALS = 10
SHORTEST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(days=30)
DEFAULT_APPROVER = "approver"
AND = " and "
"""Between roles that an approver must hold all of; no role's name has a blank."""
_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$")
_DURATION = TypeAdapter(timedelta)
_KNOWN = frozenset({"id", "reason", "approvals", "approver", "expires"})


class Outcome(StrEnum):
    PERMIT = "permit"
    DENY = "deny"
    APPROVAL = "approval"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the policies say.

    Attributes:
        policies: ids of those that decided.
        approver_role: what an approver must hold; several roles are joined by `` and ``.
        expires: how long approval may be waited for, where a policy says.
    """

    outcome: Outcome
    reason: str
    policies: tuple[str, ...] = ()
    approvals: int = 0
    approver_role: str = ""
    expires: timedelta | None = None


@dataclass(frozen=True)
class Rule:
    """What is known of a policy besides its conditions."""

    effect: str
    reason: str
    approvals: int
    approver: str
    expires: timedelta | None


class PolicySet:
    """A parsed set; immutable, so it may be shared and kept."""

    def __init__(self, text: str) -> None:
        """Parse.

        Raises:
            Invalid: ``invalid_policy``, with an entry per policy that is wrong.
        """
        parsed = _parse(text)
        self.text = text
        self.digest = digest(text)
        self.rules: Mapping[str, Rule] = _rules(parsed)
        bodies = dict(zip(self.rules, parsed.values(), strict=True))
        self._all = _handle(bodies)
        liftable = {name for name, rule in self.rules.items() if rule.approvals}
        self._permits = _handle({name: body for name, body in bodies.items() if self.rules[name].effect == "permit"})
        self._liftable = frozenset(liftable)

    def judge(self, question: Question) -> Judgement:
        """What the policies say to a question."""
        import cedarpy  # noqa: PLC0415 - opsrail.later loads it: no start waits for a policy

        request, entities = question.request(), orjson.dumps(question.entities()).decode()
        answer = cedarpy.is_authorized(request, self._all, entities)
        if answer.decision is cedarpy.Decision.NoDecision or answer.diagnostics.errors:
            return _broken(answer)
        deciding = tuple(sorted(answer.diagnostics.reasons))
        if answer.allowed:
            return Judgement(outcome=Outcome.PERMIT, reason=self._why(deciding), policies=deciding)
        hard = tuple(name for name in deciding if name not in self._liftable)
        if hard:
            return Judgement(outcome=Outcome.DENY, reason=self._why(hard), policies=hard)
        if not deciding:
            return _unmatched()
        # Every forbid that holds is among the deciding, so without these the permits alone are left to ask.
        if not cedarpy.is_authorized(request, self._permits, entities).allowed:
            return _unmatched()
        rules = [self.rules[name] for name in deciding]
        named = {rule.approver for rule in rules} - {DEFAULT_APPROVER}
        return Judgement(
            outcome=Outcome.APPROVAL,
            reason=self._why(deciding),
            policies=deciding,
            approvals=max(rule.approvals for rule in rules),
            approver_role=AND.join(sorted(named)) or DEFAULT_APPROVER,
            expires=min((rule.expires for rule in rules if rule.expires), default=None),
        )

    def actions(self) -> set[str]:
        """Ids of the actions that the text names itself, groups left out."""
        import cedarpy  # noqa: PLC0415

        found = _named_actions(orjson.loads(cedarpy.policies_to_json_str(self.text)))
        return {name for name in found if not name.startswith(("risk:", "agent:"))}

    def check(self, schema: Mapping[str, Any]) -> list[FieldError]:
        """What does not fit a schema of ``vocabulary``: misspelt attributes, unknown actions, wrong types."""
        import cedarpy  # noqa: PLC0415

        result = cedarpy.validate_policies(self.text, dict(schema))
        names = result.id_annotations_by_policy_id
        found = []
        for error in result.errors:
            name = names.get(error.policy_id, error.policy_id)
            found.append(FieldError(name, re.sub(r"^for policy `[^`]*`, ", "", error.error)))
        return found

    def _why(self, names: Iterable[str]) -> str:
        return "; ".join(dict.fromkeys(self.rules[name].reason or f"policy {name}" for name in names))


def digest(text: str) -> str:
    """SHA-256 of a set's text, hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def _broken(answer: "cedarpy.AuthzResult") -> Judgement:
    errors = "; ".join(map(str, answer.diagnostics.errors))[:500] or "not a valid request"
    return Judgement(outcome=Outcome.DENY, reason=f"the policies cannot be evaluated: {errors}")


def _unmatched() -> Judgement:
    return Judgement(outcome=Outcome.DENY, reason="no policy permits this")


def _parse(text: str) -> dict[str, Any]:
    import cedarpy  # noqa: PLC0415

    if len(text) > LONGEST:
        raise Invalid(f"a policy set has at most {LONGEST} characters", code="invalid_policy")
    try:
        document = orjson.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        raise Invalid(
            f"not Cedar: {error}", code="invalid_policy", errors=[FieldError("text", str(error))]
        ) from error
    if document["templates"]:
        names = [FieldError(name, "a template; write it out") for name in document["templates"]]
        raise Invalid("policy templates are not supported", code="invalid_policy", errors=names)
    policies: dict[str, Any] = document["staticPolicies"]
    if not policies:
        raise Invalid(
            "an empty set would deny everything; say so with a policy",
            code="invalid_policy",
            errors=[FieldError("text", "no policies")],
        )
    return dict(sorted(policies.items(), key=lambda item: int(item[0].removeprefix("policy"))))


def _rules(parsed: Mapping[str, Any]) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    wrong: list[FieldError] = []
    for place, body in enumerate(parsed.values(), start=1):
        annotations = body.get("annotations", {})
        name = annotations.get("id") or f"policy {place}"
        wrong += [FieldError(name, why) for why in _faults(name, annotations, body["effect"], rules)]
        rules[name] = Rule(
            effect=body["effect"],
            reason=annotations.get("reason") or "",
            approvals=_number(annotations.get("approvals")),
            approver=annotations.get("approver") or DEFAULT_APPROVER,
            expires=_duration(annotations.get("expires")),
        )
    if wrong:
        raise Invalid("annotations of the policies are wrong", code="invalid_policy", errors=wrong)
    return rules


def _faults(name: str, annotations: Mapping[str, str], effect: str, before: Mapping[str, Rule]) -> Iterable[str]:
    if not annotations.get("id"):
        yield "has no @id"
    elif not _ID.match(name):
        yield "@id: letters, digits and _ . : - alone, at most 128"
    if name in before:
        yield "@id is used twice"
    for unknown in sorted(annotations.keys() - _KNOWN):
        yield f"@{unknown} is not an annotation; there are @{', @'.join(sorted(_KNOWN))}"
    if "approvals" in annotations:
        if effect != "forbid":
            yield "@approvals belongs on a forbid, which the approvals lift"
        if not 1 <= _number(annotations["approvals"]) <= MOST_APPROVALS:
            yield f"@approvals is a whole number from 1 to {MOST_APPROVALS}"
    for beside in ("approver", "expires"):
        if beside in annotations and "approvals" not in annotations:
            yield f"@{beside} needs @approvals beside it"
    if AND in annotations.get("approver", ""):
        yield "@approver names one role; a policy for each where several are needed"
    if "expires" in annotations and not _is_wait(_duration(annotations["expires"])):
        yield "@expires is an ISO 8601 duration from one minute to 30 days, such as PT1H"


def _is_wait(given: timedelta | None) -> bool:
    return given is not None and SHORTEST_WAIT <= given <= LONGEST_WAIT


def _duration(text: str | None) -> timedelta | None:
    try:
        return _DURATION.validate_python(text) if text and text.startswith("P") else None
    except ValidationError:
        return None


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 5 else 0


def _handle(bodies: Mapping[str, Any]) -> "cedarpy.PolicySet":
    import cedarpy  # noqa: PLC0415

    document = {"templates": {}, "staticPolicies": dict(bodies), "templateLinks": []}
    return cedarpy.PolicySet.from_json_str(orjson.dumps(document).decode())


def _named_actions(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        own = {value["id"]} if value.get("type") == "Action" and isinstance(value.get("id"), str) else set()
        return own.union(*map(_named_actions, value.values()))
    return set().union(*map(_named_actions, value)) if isinstance(value, list) else set()
