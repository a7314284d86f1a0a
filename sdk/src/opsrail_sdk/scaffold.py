"""Makes a working agent out of the template; behind ``opsrail agents new`` and ``python -m opsrail_sdk new``."""

import re
from importlib.metadata import entry_points
from pathlib import Path

from opsrail_sdk.contracts.subjects import CORE_SERVICE

_ID = re.compile(r"^[a-z][a-z0-9_]{0,31}$")
_TAKEN = {CORE_SERVICE, "sdk"}
_SUFFIX = ".tmpl"
_GROUP = "opsrail.agents"


def new(name: str, target: Path) -> Path:
    """Write the folder ``target/name``; returns it.

    Raises:
        ValueError: the name is no agent id, or one that is taken.
        FileExistsError: the folder is there already.
    """
    if not _ID.match(name):
        raise ValueError(f"{name!r} is no agent id: lower case letters, digits and _, beginning with a letter")
    if name in _TAKEN:
        raise ValueError(f"{name!r} is taken by Opsrail itself")
    for entry in entry_points(group=_GROUP, name=name):
        package = entry.dist.name if entry.dist else entry.value
        raise ValueError(f"{name!r} is taken: the installed package {package} has an agent of that id")
    folder = target / name
    if folder.exists():
        raise FileExistsError(f"{folder} exists already")
    words = name.replace("_", " ")
    replacements = {"NAME": name, "TITLE": words.capitalize(), "CLASS": words.title().replace(" ", "")}
    template = _template()
    for source in sorted(template.rglob(f"*{_SUFFIX}")):
        relative = str(source.relative_to(template)).removesuffix(_SUFFIX).replace("NAME", name)
        destination = folder / relative
        destination.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text()
        for word, meaning in replacements.items():
            text = text.replace(word, meaning)
        destination.write_text(text)
    return folder


def _template() -> Path:
    """Inside the wheel it lies in the package; in a checkout beside ``src``."""
    packaged = Path(__file__).parent / "_template"
    return packaged if packaged.exists() else Path(__file__).parents[2] / "template"
