"""Clones of real repositories over HTTP: exactly one commit, and no trace of the credentials."""

import asyncio
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from opsrail_ci.checkout import changed_paths, checkout, history, push_tag
from opsrail_ci.git import Git, Remote, checked_ref, remote
from opsrail_sdk.errors import InvalidInput, PermanentError, Unavailable
from tests.simulators.git_http import GitServer, Repository

LIMIT = timedelta(minutes=2)
PASSWORD = "s3cret-pass/word+1"


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "locked", login=("git", PASSWORD)) as server:
        yield server


def logged_in(url: str) -> Remote:
    return remote(url, username="git", password=SecretStr(PASSWORD))


async def cloned(folder: Path, origin: Remote, commit: str, ref: str = "refs/heads/main") -> Git:
    return await checkout(folder / "source", origin, ref=ref, commit=commit, home=folder, limit=LIMIT)


async def test_a_clone_holds_the_commit_and_nothing_older(
    git_server: GitServer, repository: Repository, tmp_path: Path
) -> None:
    first = repository.commit({"a.txt": "one"})
    repository.commit({"a.txt": "two"})
    git = await cloned(tmp_path, remote(git_server.url("acme/shop"), username=None, password=None), first)
    assert (git.folder / "a.txt").read_text() == "one"
    assert (await git("rev-list", "--count", "HEAD")).strip() == "1"


async def test_credentials_are_used_but_nowhere_to_be_seen(locked: GitServer, tmp_path: Path) -> None:
    made = Repository(locked.root, "acme/shop")
    commit = made.commit({"a.txt": "one"})
    seen: list[str] = []
    done = asyncio.Event()

    async def watch() -> None:
        while not done.is_set():
            seen.append(await asyncio.to_thread(subprocess.check_output, ["ps", "-eo", "args"], text=True))
            if "git fetch" in seen[-1] and locked.requests:
                locked.open.set()

    locked.open.clear()
    watching = asyncio.create_task(watch())
    git = await cloned(tmp_path, logged_in(locked.url("acme/shop")), commit)
    done.set()
    await watching
    secrets = [PASSWORD, *logged_in(locked.url("acme/shop")).secrets()]
    assert any("fetch" in listing for listing in seen)
    assert not [secret for secret in secrets if any(secret in listing for listing in seen)]
    for path in git.folder.rglob("*"):
        if path.is_file():
            assert not any(secret.encode() in path.read_bytes() for secret in secrets)
    assert any(authorization for _, _, authorization in locked.requests)


async def test_a_wrong_login_is_a_clear_failure_without_the_password(locked: GitServer, tmp_path: Path) -> None:
    commit = Repository(locked.root, "acme/shop").commit({"a": "1"})
    origin = remote(locked.url("acme/shop").replace("//", "//ann:wrong-password@"), username=None, password=None)
    assert "@" not in origin.url
    with pytest.raises(PermanentError, match=r"cannot clone .* at") as failure:
        await cloned(tmp_path, origin, commit)
    assert failure.value.code == "clone_failed"
    assert "Authentication failed" in str(failure.value)
    assert "wrong-password" not in str(failure.value)


async def test_what_cannot_be_had_is_said_in_gits_words(
    git_server: GitServer, repository: Repository, tmp_path: Path
) -> None:
    commit = repository.commit({"a": "1"})
    nowhere = remote(git_server.url("acme/none"), username=None, password=None)
    with pytest.raises(PermanentError, match="not found"):
        await cloned(tmp_path / "1", nowhere, commit)
    with pytest.raises(PermanentError) as failure:
        await cloned(tmp_path / "2", remote(git_server.url("acme/shop"), username=None, password=None), "a" * 40)
    assert failure.value.code == "clone_failed"
    with pytest.raises(Unavailable, match=r"Failed to connect|refused"):
        await cloned(tmp_path / "3", remote("http://127.0.0.1:9/a.git", username=None, password=None), commit)


@pytest.mark.parametrize(
    "url", ["file:///etc", "/etc", "ext::sh -c id", "--upload-pack=id", "ssh://-oProxyCommand=id/x", "git@host:a/b"]
)
def test_other_kinds_of_addresses_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="only http, https addresses are allowed"):
        remote(url, username=None, password=None)


@pytest.mark.parametrize("ref", ["main", "--upload-pack=id", "refs/heads/a..b", "refs/heads/a b", "refs/heads/x@{1}"])
def test_odd_references_are_refused(ref: str) -> None:
    with pytest.raises(InvalidInput):
        checked_ref(ref)


async def test_nothing_of_the_repository_is_executed(
    git_server: GitServer, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(f'[filter "evil"]\n\tsmudge = touch {tmp_path}/smudged; cat\n')
    monkeypatch.setenv("HOME", str(home))
    commit = repository.commit({".gitattributes": "* filter=evil\n", "a": "1"})
    await cloned(tmp_path, remote(git_server.url("acme/shop"), username=None, password=None), commit)
    assert not (tmp_path / "smudged").exists()


async def test_changed_paths_come_from_git_where_the_old_commit_is_there(
    git_server: GitServer, repository: Repository, tmp_path: Path
) -> None:
    before = repository.commit({"keep": "1", "gone": "1", "moved": "longer content"})
    commit = repository.commit({"gone": None, "new": "2"})
    git = await cloned(tmp_path, remote(git_server.url("acme/shop"), username=None, password=None), commit)
    assert await changed_paths(git, before, commit) == frozenset({"gone", "new"})
    assert await changed_paths(git, None, commit) is None
    assert await changed_paths(git, "0" * 40, commit) is None
    assert await changed_paths(git, "b" * 40, commit) is None


async def test_history_since_the_last_release_and_a_tag_pushed_once(locked: GitServer, tmp_path: Path) -> None:
    made = Repository(locked.root, "acme/shop")
    made.commit({"a": "1"}, "feat: first", tag="v1.0.0")
    made.commit({"api/x": "1"}, "fix: api", tag="v1.1.0-rc.1")
    commit = made.commit({"web/x": "1"}, "feat!: web\n\nwhy")
    git = await cloned(tmp_path, logged_in(locked.url("acme/shop")), commit)
    past = await history(git, tmp_path / "history", commit, since="v", path=None)
    assert sorted(past.tags) == ["v1.0.0", "v1.1.0-rc.1"]
    assert [message.strip() for message in past.messages] == ["feat!: web\n\nwhy", "fix: api"]
    scoped = await history(git, tmp_path / "scoped", commit, since="v", path="api")
    assert [message.strip() for message in scoped.messages] == ["fix: api"]

    date = past.committed_at
    assert await push_tag(git, tmp_path / "history", tag="v2.0.0", commit=commit, date=date)
    assert made.tags()["v2.0.0"] == commit
    assert not await push_tag(git, tmp_path / "history", tag="v2.0.0", commit=commit, date=date)
    with pytest.raises(PermanentError, match="already names another commit"):
        await push_tag(git, tmp_path / "history", tag="v1.0.0", commit=commit, date=date)
