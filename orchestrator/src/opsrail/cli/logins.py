"""The logins that ``opsrail login`` keeps: one token per orchestrator, in a file that its owner alone reads."""

import os
from pathlib import Path

import orjson


def kept(url: str) -> str | None:
    """The token for an orchestrator."""
    token = _read().get(url)
    return str(token) if token else None


def keep(url: str, token: str) -> Path:
    """Keep a token; where it is kept."""
    return _write(_read() | {url: token})


def forget(url: str) -> None:
    _write({other: token for other, token in _read().items() if other != url})


def _path() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "opsrail" / "logins.json"


def _read() -> dict[str, str]:
    try:
        found = orjson.loads(_path().read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(logins: dict[str, str]) -> Path:
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(orjson.dumps(logins))
    partial.replace(path)
    return path
