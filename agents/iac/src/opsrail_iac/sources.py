"""Brings a configuration into a scratch folder, so that Terraform writes nothing where it came from.

Only the files that Terraform reads are taken; links are left out, so that nothing outside the roots comes along.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from opsrail_sdk.errors import InvalidInput, NotFound, Refused

MOST_FILES = 5000
MOST_BYTES = 32 << 20
_SUFFIXES = (".tf", ".tf.json", ".tfvars", ".tfvars.json", ".tftpl", ".tpl", ".hcl", ".json", ".yaml", ".yml")
_LEFT_OUT = frozenset({".git", ".terraform", "node_modules", ".venv"})


def write_files(files: dict[str, str], scratch: Path) -> Path:
    """Write files that came with the question; the folder they are in.

    Raises:
        InvalidInput: a path leaves the folder or names no file that Terraform reads, or they are too large.
    """
    if sum(len(content) for content in files.values()) > MOST_BYTES:
        raise InvalidInput(f"the files are larger than {MOST_BYTES} bytes")
    for name, content in files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or not path.parts:
            raise InvalidInput(f"files: {name!r} is not a relative path within the folder")
        if not name.endswith(_SUFFIXES) or _LEFT_OUT & set(path.parts):
            raise InvalidInput(f"files: {name!r} is no file that Terraform reads")
        target = scratch / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise InvalidInput(f"files: {name!r} is a folder of another file")
        target.write_text(content)
    return scratch


def copy_folder(folder: str, roots: Sequence[Path], scratch: Path) -> Path:
    """Copy the root that ``folder`` is in, so that modules beside it come along; the folder's place in the copy.

    Raises:
        Refused: the folder is in no configured root.
        NotFound: there is no such folder, or no configuration in it.
        InvalidInput: the root holds too much.
    """
    wanted = Path(folder)
    if not wanted.is_absolute():
        raise InvalidInput("folder: must be an absolute path")
    real = Path(os.path.realpath(wanted))
    root = next((top for top in map(Path.resolve, roots) if real.is_relative_to(top)), None)
    if root is None:
        raise Refused("the folder is in none of the roots that the agent's config allows", code="folder_not_allowed")
    if not real.is_dir():
        raise NotFound(f"there is no folder {folder}")
    if not any(name.name.endswith((".tf", ".tf.json")) for name in real.iterdir()):
        raise NotFound(f"there is no Terraform configuration in {folder}")
    total = 0
    for count, source in enumerate(_configuration(root), start=1):
        total += source.stat().st_size
        if count > MOST_FILES or total > MOST_BYTES:
            raise InvalidInput(f"{root} holds more than {MOST_FILES} files or {MOST_BYTES} bytes of configuration")
        target = scratch / source.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target, follow_symlinks=False)
    return scratch / real.relative_to(root)


def _configuration(root: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(root, followlinks=False):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        for name in names:
            path = Path(place) / name
            if name.endswith(_SUFFIXES) and path.is_file() and not path.is_symlink():
                yield path
