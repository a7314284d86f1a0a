"""``opsrail policy …``."""

from pathlib import Path
from typing import Annotated, Any, NoReturn

import orjson
import typer
from pydantic import ValidationError

from opsrail.cli.client import Client
from opsrail.cli.output import Json, ago, err, fail, out, print_json, print_record, print_table, say
from opsrail.errors import Invalid
from opsrail.plain import plain
from opsrail.policy import cases as testing
from opsrail.policy import shipped, vocabulary
from opsrail.policy.cases import CaseFile
from opsrail.policy.language import PolicySet

app = typer.Typer(no_args_is_help=True, help="Policies: draft, test, replay, activate; and what they decided")

PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="Policies in Cedar")]
CaseFiles = Annotated[list[Path] | None, typer.Option("--cases", help="YAML or JSON; may be given several times")]
Last = Annotated[int, typer.Option(min=1, max=5000, help="Past decisions to ask again")]
VersionArgument = Annotated[int, typer.Argument(min=0, help="0 is the shipped set")]


@app.command("list")
def list_policies(json: Json = False) -> None:
    """Versions, newest first; the shipped set is version 0."""
    client = Client()
    versions = client.items("/policies", limit=5000)
    shown = client.get("/policies/0")
    versions.append({key: value for key, value in shown.items() if key not in ("text", "rules", "cases", "report")})
    if json:
        print_json(versions)
        return
    print_table(
        ("version", "state", "note", "by", "made", "tested"),
        (
            (
                item["version"],
                item["state"],
                item["note"],
                item["created_by"],
                ago(item["created_at"]),
                ago(item["tested_at"]),
            )
            for item in versions
        ),
        empty="none",
    )


@app.command()
def show(
    version: Annotated[int | None, typer.Argument(min=0, help="The one in force where left out")] = None,
    json: Json = False,
) -> None:
    """A version's text, on stdout as it was drafted."""
    found = Client().get(f"/policies/{'active' if version is None else version}")
    if json:
        print_json(found)
        return
    say(f"version {found['version']}, {found['state']}: {found['note']}")
    typer.echo(found["text"], nl=not found["text"].endswith("\n"))


@app.command()
def apply(
    file: PolicyFile,
    *,
    note: Annotated[str, typer.Option(help="What the change is for")] = "",
    cases: CaseFiles = None,
    activate: Annotated[bool, typer.Option("--activate", help="Put it in force where its cases pass")] = False,
    accept: Annotated[bool, typer.Option("--accept", help="Although past decisions would have been others")] = False,
    json: Json = False,
) -> None:
    """Keep a file as the next version; with `--activate`, put it in force."""
    client = Client()
    given = [case for path in cases or [] for case in _read_cases(path)["cases"]]
    if activate and not given:
        fail("a version is tested before it decides: give its --cases", code=2)
    made = client.post("/policies", {"text": _read(file), "note": note, "cases": given})
    version, report = made["version"], made["report"]
    if report and not json:
        _print_report(report)
    if report and report["failed"]:
        if json:
            print_json(made)
        fail(f"kept as draft {version}; {report['failed']} of its cases failed")
    if activate:
        body = {"reason": note or f"opsrail policy apply {file.name}", "accept": accept}
        made |= {"state": "active"} | client.post(f"/policies/{version}/activate", body)
    if json:
        print_json(made)
    else:
        say(f"version {version} is {made['state']}" + (f"; {made['replay']['summary']}" if activate else ""))


@app.command("test")
def run_cases(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Cases, YAML or JSON")],
    policies: Annotated[
        Path | None, typer.Option("--policies", help="Policies in Cedar; the shipped set where left out")
    ] = None,
    version: Annotated[int | None, typer.Option(min=1, help="Test a version at the orchestrator instead")] = None,
    json: Json = False,
) -> None:
    """Run given/expect cases; without `--version` no orchestrator is needed. Exits 1 where a case fails."""
    given = [case for path in files for case in _read_cases(path)["cases"]]
    if version is not None:
        report = Client().post(f"/policies/{version}/test", {"cases": given})
    else:
        report = _test_here(policies, CaseFile.model_validate({"cases": given}))
    if json:
        print_json(report)
    else:
        _print_report(report)
    if report["failed"]:
        raise typer.Exit(1)


@app.command()
def validate(file: PolicyFile, json: Json = False) -> None:
    """Whether the orchestrator, with the agents that it has, would take a file."""
    checked = Client().post("/policies/validate", {"text": _read(file)})
    if json:
        print_json(checked)
    else:
        say(f"{len(checked['rules'])} policies, all in order")


@app.command()
def replay(
    what: Annotated[str, typer.Argument(metavar="FILE|VERSION", help="Policies in Cedar, or a version")],
    last: Last = 500,
    json: Json = False,
) -> None:
    """What policies would have said to past wishes. Nothing takes effect."""
    source = {"version": int(what)} if what.isdigit() else {"text": _read(Path(what))}
    report = Client().post("/policies/replay", {**source, "last": last})
    if json:
        print_json(report)
        return
    _print_replay(report)


@app.command()
def activate(
    version: VersionArgument,
    reason: Annotated[str, typer.Option(help="Why; kept in the audit trail")],
    last: Last = 500,
    accept: Annotated[bool, typer.Option("--accept", help="Although past decisions would have been others")] = False,
    json: Json = False,
) -> None:
    """Put a tested version in force."""
    made = Client().post(f"/policies/{version}/activate", {"reason": reason, "last": last, "accept": accept})
    if json:
        print_json(made)
    else:
        say(f"version {version} is in force; {made['replay']['summary']}")


@app.command()
def decisions(
    outcome: Annotated[str | None, typer.Option(help="permit, deny or approval")] = None,
    agent: Annotated[str | None, typer.Option(help="Only of this agent")] = None,
    asker: Annotated[str | None, typer.Option(help="Only of this asker, such as agent:ci")] = None,
    limit: Annotated[int, typer.Option(min=1, max=5000)] = 30,
    json: Json = False,
) -> None:
    """What was decided, newest first."""
    found = Client().items("/decisions", limit=limit, outcome=outcome, agent=agent, asker=asker)
    if json:
        print_json(found)
        return
    print_table(
        ("decision", "action", "asked by", "outcome", "why", "version", "made"),
        (
            (
                item["id"],
                f"{item['agent']}.{item['action']}",
                item["asker"],
                item["outcome"],
                item["reason"],
                item["policy_version"],
                ago(item["created_at"]),
            )
            for item in found
        ),
        empty="nothing was decided yet",
    )


@app.command()
def explain(decision: Annotated[str, typer.Argument(help="Id of the decision")], json: Json = False) -> None:
    """One decision with the whole question that was asked."""
    found = Client().get(f"/decisions/{decision}")
    if json:
        print_json(found)
    else:
        print_record(found)


def _test_here(path: Path | None, given: CaseFile) -> dict[str, Any]:
    try:
        policies = PolicySet(_read(path)) if path else shipped.policies()
    except Invalid as error:
        _fail_invalid(path, error)
    named = {(*name.partition(".")[::2], "write") for name in policies.actions() if "." in name}
    asked = {(*case.given.action.partition(".")[::2], case.given.risk or "write") for case in given.cases}
    risks = {f"{agent}.{action}": (agent, action, risk) for agent, action, risk in (*named, *asked)}
    faults = policies.check(vocabulary.schema(risks.values()))
    if faults:
        _fail_invalid(path, Invalid("the policies misuse the vocabulary", errors=faults))
    return testing.report(testing.run(policies, given.cases))


def _fail_invalid(path: Path | None, error: Invalid) -> NoReturn:
    fail(f"{path}: {error.detail}" + "".join(f"\n  {item.field}: {item.message}" for item in error.errors), code=2)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        fail(str(error), code=2)


def _read_cases(path: Path) -> dict[str, Any]:
    """The cases of a file, as plain JSON."""
    body = _read(path)
    try:
        document = orjson.loads(body) if path.suffix == ".json" else _load_yaml(body)
        return CaseFile.model_validate(document).model_dump(mode="json", exclude_defaults=True)
    except ValidationError as error:
        faults = "".join(f"\n  {'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        fail(f"{path}: not cases of policies{faults}", code=2)
    except ValueError as error:
        fail(f"{path}: {error}", code=2)


def _load_yaml(body: str) -> Any:
    try:
        import yaml  # noqa: PLC0415 (JSON needs it not)
    except ImportError:
        fail("cases in YAML need the package pyyaml; or write them as .json", code=2)
    try:
        return yaml.safe_load(body)
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {error}") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _print_report(report: dict[str, Any]) -> None:
    for result in report["results"]:
        mark = "[green]ok  [/]" if result["passed"] else "[red]FAIL[/]"
        out.print(mark, end=" ")
        out.print(plain(result["name"]), markup=False, highlight=False, soft_wrap=True)
        for line in result["differences"]:
            out.print(f"     {plain(line)}", markup=False, highlight=False, soft_wrap=True)
    err.print(f"{report['passed']} passed, {report['failed']} failed", highlight=False)


def _print_replay(report: dict[str, Any]) -> None:
    say(report["summary"])
    if report["decisions"]:
        print_table(
            ("run", "action", "asked by", "was", "would be", "why"),
            (
                (item["run_id"], item["action"], item["asker"], item["was"], item["now"], item["reason"])
                for item in report["decisions"]
            ),
            empty="",
        )
