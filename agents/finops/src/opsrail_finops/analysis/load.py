"""Adds bills to a FOCUS table, all of them or none. Called by the `load` command.

Bills are read batch by batch and written as row groups, so memory does not grow with the rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from opsrail_finops.analysis.deliveries import new_deliveries, standing, told
from opsrail_finops.analysis.rows import Key, RefusedRow, read_bill
from opsrail_finops.analysis.stage import Staged, stage
from opsrail_finops.analysis.table import LOADING, Manifest, Part, commit, loading
from opsrail_finops.analysis.tables import open_table


@dataclass
class LoadReport:
    """`rows` were read, of which `refused_count` were refused and `stored` are now in the table; `replaced` rows of
    earlier loads are there no more. `refused` keeps the first 10,000 of each file.
    """

    rows: int = 0
    stored: int = 0
    replaced: int = 0
    refused: list[RefusedRow] = field(default_factory=list)
    refused_count: int = 0
    notes: list[str] = field(default_factory=list)


def load(folder: Path, paths: Iterable[Path], *, strict: bool = False) -> LoadReport:
    """Stores the rows that can be read, with the restatement rules of `totals`: each call's deliveries are later than
    those of earlier calls. Nothing is stored when no row is left, or, if `strict`, when any is refused.

    Raises:
        BadBill: a file cannot be read as a whole; nothing is stored then.
        BadTable: the folder holds other things, or another process is loading into it.
        OSError: a file cannot be opened, or the table not be written.
    """
    report = LoadReport()
    with loading(folder) as table:
        known, added = [frozenset(contents) for contents in table.deliveries], []
        parts: list[Part] = []
        for delivery in new_deliveries(paths, known, report.notes):
            staged: dict[Key, Staged] = {}
            for path in delivery.files.values():
                found, bill = read_bill(open_table(path), None, lambda batches: stage(folder / LOADING, batches))
                report.rows += bill.rows
                report.refused += bill.refused
                report.refused_count += bill.refused_count
                for scope, part in found.items():
                    staged.setdefault(scope, Staged()).add(part)
            if staged:
                added.append(sorted(delivery.files))
            parts += [
                Part(
                    scope=scope,
                    delivery=delivery.name,
                    days=tuple(sorted(part.days)),
                    rows=part.rows,
                    files=tuple(part.files),
                )
                for scope, part in staged.items()
            ]
        if not parts or (strict and report.refused_count):
            return report
        left, replaced = standing([*table.parts, *parts])
        report.notes += [told(later, earlier) for later, earlier in replaced]
        gone = {part.files for _, part in replaced}
        report.stored = sum(part.rows for part in parts if part.files not in gone)
        report.replaced = sum(part.rows for part in table.parts if part.files in gone)
        commit(folder, Manifest(deliveries=[*table.deliveries, *added], parts=left))
    return report
