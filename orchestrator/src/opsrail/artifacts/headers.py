"""Response headers of an artifact, whatever its name and media type try to be."""

import base64
import re
from urllib.parse import quote

from opsrail.artifacts.models import Artifact

_MEDIA_TYPE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$")
_UNSAFE = re.compile(r"[^A-Za-z0-9._ -]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def content_headers(artifact: Artifact) -> dict[str, str]:
    """Always a download, never a page of ours: stored HTML must not run with the dashboard's rights."""
    return {
        "Content-Length": str(artifact.size),
        "Content-Disposition": disposition(artifact.name),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-cache",
        "Digest": f"sha-256={base64.b64encode(bytes.fromhex(artifact.digest.removeprefix('sha256:'))).decode()}",
        "ETag": etag(artifact),
    }


def etag(artifact: Artifact) -> str:
    return f'"{artifact.digest}"'


def media_type(artifact: Artifact) -> str:
    """As stored, if it is one (RFC 6838)."""
    return artifact.media_type if _MEDIA_TYPE.fullmatch(artifact.media_type) else "application/octet-stream"


def disposition(name: str) -> str:
    """RFC 6266: a plain name for old clients, the true one in UTF-8. Only the last part of a path is kept."""
    last = _CONTROL.sub("", re.split(r"[/\\]", name)[-1]).strip(" .")[:200] or "artifact"
    return f"attachment; filename=\"{_UNSAFE.sub('_', last)}\"; filename*=UTF-8''{quote(last, safe='')}"
