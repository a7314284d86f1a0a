"""Versions by conventional commits."""

from typing import Any

import pytest

from opsrail_ci.analysis.conventional import Bump, bump_of, latest, next_version


@pytest.mark.parametrize(
    ("message", "bump"),
    [
        ("feat: a", Bump.MINOR),
        ("feat(api): a", Bump.MINOR),
        ("fix: a", Bump.PATCH),
        ("perf: a", Bump.PATCH),
        ("FIX: a", Bump.PATCH),
        ("docs: a", Bump.NONE),
        ("feat!: a", Bump.MAJOR),
        ("refactor(core)!: a", Bump.MAJOR),
        ("fix: a\n\nBREAKING CHANGE: b", Bump.MAJOR),
        ("fix: a\n\nBREAKING-CHANGE: b", Bump.MAJOR),
        ("a plain sentence", Bump.NONE),
        ("feat a", Bump.NONE),
        ("", Bump.NONE),
        ("Merge feat: a", Bump.NONE),
    ],
)
def test_bump_of(message: str, bump: Bump) -> None:
    assert bump_of(message) is bump


@pytest.mark.parametrize(
    ("tags", "messages", "more", "version", "tag"),
    [
        ([], ["feat: a"], {}, "0.1.0", "v0.1.0"),
        ([], [], {"initial": "1.0.0"}, "1.0.0", "v1.0.0"),
        (["v1.2.3"], ["fix: a"], {}, "1.2.4", "v1.2.4"),
        (["v1.2.3"], ["fix: a", "feat: b"], {}, "1.3.0", "v1.3.0"),
        (["v1.2.3"], ["feat!: a"], {}, "2.0.0", "v2.0.0"),
        (["v0.2.3"], ["feat!: a"], {}, "0.3.0", "v0.3.0"),
        (["v1.2.3"], ["docs: a"], {}, "1.2.3", "v1.2.3"),
        (["v1.9.0", "v1.10.0"], ["fix: a"], {}, "1.10.1", "v1.10.1"),
        (["v1.2.3"], ["feat: a"], {"channel": "rc"}, "1.3.0-rc.1", "v1.3.0-rc.1"),
        (["v1.2.3", "v1.3.0-rc.1"], ["feat: a"], {"channel": "rc"}, "1.3.0-rc.2", "v1.3.0-rc.2"),
        (["v1.2.3", "v1.3.0-rc.9"], ["feat!: a"], {"channel": "rc"}, "2.0.0-rc.1", "v2.0.0-rc.1"),
        (["v1.2.3", "v1.3.0-rc.2"], ["feat: a"], {}, "1.3.0", "v1.3.0"),
        (["api-v1.0.0", "web-v7.0.0"], ["fix: a"], {"prefix": "api-v"}, "1.0.1", "api-v1.0.1"),
        (["v1.2.3", "v1.3.0"], [], {"at_commit": ["v1.3.0"]}, "1.3.0", "v1.3.0"),
        (["v1.2.3", "latest", "v2"], ["fix: a"], {}, "1.2.4", "v1.2.4"),
    ],
)
def test_next_version(tags: list[str], messages: list[str], more: dict[str, Any], version: str, tag: str) -> None:
    found = next_version(tags, messages, **more)
    assert (found.version, found.tag) == (version, tag)


def test_latest_leaves_prereleases_out_unless_asked() -> None:
    tags = ["v1.0.0", "v1.1.0-rc.1"]
    assert str(latest(tags, "v")) == "1.0.0"
    assert str(latest(tags, "v", prereleases=True)) == "1.1.0-rc.1"
    assert latest([], "v") is None
