"""Which files are one delivery, which deliveries were read before, and what a later one replaces.

Called by `totals.py` and `load.py`. The rules: docs/decisions/0121-restatements-by-period.md and 0123.
"""

import errno
import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

_DATE = re.compile(r"\d{4}-?\d{2}(-?\d{2})?$")
_SUFFIXES = re.compile(r"(\.(csv|gz|gzip|parquet|snappy|jsonl?))+$", re.IGNORECASE)
_PART = re.compile(r"(^|[-_.]|part)\d{1,12}$|(?<=part)[-_]\d+([-_].*)?$", re.IGNORECASE)


@dataclass
class Delivery:
    """Files by the SHA-256 of their content, in the order given; a content given twice is there once."""

    files: dict[str, Path] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return next(iter(self.files.values())).name


class Part(Protocol):
    """What one delivery says about one scope."""

    @property
    def scope(self) -> tuple[str | None, ...]: ...

    @property
    def days(self) -> Collection[str]: ...

    @property
    def delivery(self) -> str: ...


AnyPart = TypeVar("AnyPart", bound=Part)


def new_deliveries(paths: Iterable[Path], known: Iterable[frozenset[str]], notes: list[str]) -> Iterator[Delivery]:
    """Deliveries in the order of their first files, without those whose every file was in one earlier delivery.

    Args:
        known: contents of the deliveries that were read before.
        notes: gets a line for each delivery and file that is left out.

    Raises:
        OSError: a file cannot be opened, or is a pipe or device, which cannot be read twice.
    """
    found: dict[tuple[str, ...], Delivery] = {}
    for path in paths:
        delivery = found.setdefault(_name_of(path), Delivery())
        if path.is_fifo() or path.is_char_device() or path.is_socket():
            raise OSError(errno.EINVAL, "is no file on a disk, which is read more than once", str(path))
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        if content in delivery.files:
            notes.append(f"{path.name}: left out, it is {delivery.files[content].name} again")
        else:
            delivery.files[content] = path
    earlier = list(known)
    names: dict[str, str] = {}
    for delivery in found.values():
        contents = frozenset(delivery.files)
        if any(contents <= other for other in earlier):
            notes.extend(
                f"{path.name}: left out, it is {names[content]} again"
                if content in names
                else f"{path.name}: left out, its content was loaded before"
                for content, path in delivery.files.items()
            )
            continue
        earlier.append(contents)
        names |= {content: path.name for content, path in delivery.files.items()}
        yield delivery


def standing(parts: Iterable[AnyPart]) -> tuple[list[AnyPart], list[tuple[AnyPart, AnyPart]]]:
    """What remains of parts, oldest first, after later ones replaced earlier ones; and the pairs later, earlier."""
    held: dict[tuple[str | None, ...], list[AnyPart]] = {}
    replaced: list[tuple[AnyPart, AnyPart]] = []
    for part in parts:
        same = held.setdefault(part.scope, [])
        for earlier in [other for other in same if not set(other.days).isdisjoint(part.days)]:
            same.remove(earlier)
            replaced.append((part, earlier))
        same.append(part)
    return [part for same in held.values() for part in same], replaced


def told(later: Part, earlier: Part) -> str:
    """A replacement in words."""
    what = ", ".join(value for value in later.scope if value)
    return f"{later.delivery}: replaces what {earlier.delivery} says of {what}"


def _name_of(path: Path) -> tuple[str, ...]:
    stem = _SUFFIXES.sub("", path.name)
    ending = path.name.removeprefix(stem)
    if _DATE.search(stem) is None:
        stem = _PART.sub("#", stem)
    return (str(path.resolve().parent), stem, ending)
