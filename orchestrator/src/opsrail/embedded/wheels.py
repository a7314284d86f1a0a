"""Where the wheels with the servers' programs lie. Their Python code is never imported: it has side effects."""

from importlib.util import find_spec
from pathlib import Path


def package_folder(name: str) -> Path:
    """The folder of an installed package.

    Raises:
        FileNotFoundError: it is not installed; the message says how to get it.
    """
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"the package {name} is missing: install opsrail[embedded]")
    return Path(spec.origin).parent
