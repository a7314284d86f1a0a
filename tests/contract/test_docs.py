"""What the documents name exists: `make` verbs, commands, settings, paths, links."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from opsrail.cli import app
from opsrail.connections.kinds import KINDS

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("README.md", "docs/**/*.md", "sdk/README.md", "agents/*/README.md", "examples/**/README.md")
    for path in ROOT.glob(pattern)
)
_CODE = re.compile(r"```(?:sh|bash)\n(.*?)```|`([^`\n]+)`", re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
_MADE_ON_DEMAND = ("bench/results", "agents/NAME", "agents/certs")
"""Named as what a command makes."""


def _snippets(document: Path) -> Iterator[str]:
    """Pieces of code, a shell line each."""
    for block, inline in _CODE.findall(document.read_text()):
        yield from (line.partition("  #")[0].strip() for line in (block or inline).splitlines())


def _each(pattern: str) -> list[tuple[str, str]]:
    """Document and match, for every snippet that holds the pattern."""
    found = {
        (str(document.relative_to(ROOT)), match)
        for document in DOCUMENTS
        for snippet in _snippets(document)
        for match in re.findall(pattern, snippet)
    }
    return sorted(found)


def _subcommands(command: object) -> set[str]:
    return set(getattr(command, "commands", {}))


def _sources() -> str:
    files = [
        path
        for folder in ("sdk/src", "orchestrator/src", "agents", "bench", ".ci")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".sh"} or path.name == "run"
    ]
    return "\n".join(path.read_text() for path in files if path.is_file())


@pytest.mark.parametrize(("document", "verb"), _each(r"(?:^|[ (])make ([a-z][a-z-]*)"))
def test_make_verbs_exist(document: str, verb: str) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    benches = {f"bench-{path.stem.replace('_', '-')}" for path in (ROOT / "bench").glob("*.py")}
    assert verb in targets | benches, document


@pytest.mark.parametrize(("document", "words"), _each(r"(?:^|/)opsrail ([a-z][a-z_-]*(?: [a-z][a-z-]*)?)"))
def test_commands_exist(document: str, words: str) -> None:
    root = typer.main.get_command(app)
    context = root.make_context("opsrail", [], resilient_parsing=True)
    name, _, second = words.partition(" ")
    command = root.get_command(context, name)  # type: ignore[attr-defined]
    assert command is not None, document
    if second and _subcommands(command):
        assert second in _subcommands(command), document


@pytest.mark.parametrize(("document", "name"), _each(r"\b(OPSRAIL_[A-Z][A-Z_]*[A-Z])\b"))
def test_settings_exist(document: str, name: str) -> None:
    sources = _sources()
    prefix = name.removeprefix("OPSRAIL_")
    words = [prefix.lower(), *(part.lower() for part in re.findall(r"^[A-Z]+_(.+)$", prefix))]
    assert name in sources or any(re.search(rf"^    {word}: ", sources, re.MULTILINE) for word in words), document


@pytest.mark.parametrize(
    ("document", "path"),
    _each(r"^(?:\./)?((?:sdk|orchestrator|agents|dashboard|examples|tests|bench|docs)/[\w./-]+)$"),
)
def test_paths_exist(document: str, path: str) -> None:
    if not path.startswith(_MADE_ON_DEMAND):
        assert (ROOT / path).exists(), document


@pytest.mark.parametrize(
    ("document", "link"),
    sorted(
        {
            (str(document.relative_to(ROOT)), link)
            for document in DOCUMENTS
            for link in _LINK.findall(document.read_text())
        }
    ),
)
def test_links_lead_somewhere(document: str, link: str) -> None:
    assert ((ROOT / document).parent / link).exists()


def test_secrets_in_the_readme_are_those_of_the_kind() -> None:
    """`connections create KIND … --set NAME=…` names what the kind takes."""
    shown = [
        (kind, name)
        for document in DOCUMENTS
        for snippet in _snippets(document)
        for kind, rest in re.findall(r"connections create (\w+) (.*)", snippet)
        for name in re.findall(r"--set (\w+)=", rest)
    ]
    assert shown
    for kind, name in shown:
        assert name in {*KINDS[kind].secrets, *KINDS[kind].settings.model_fields}
