"""PostgreSQL with pgvector: a store of vectors that many already run, and one that can be had on both sides.

Containers have Debian trixie's packages, for Debian 12 has no pgvector. A process of this machine is the system's own
where that has pgvector, else the one inside the wheel pgserver, which is PostgreSQL 16 and needs nothing of the system.
"""

import socket
import struct
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

from targets.backing.contract import SECRET_VARIABLE, NotReady, Server
from targets.contract import Sizing
from targets.packaging.bootstrap import Debian

USER = "postgres"
MAJOR = 17
PATIENCE_S = 5.0
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "jit": "off",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "dynamic_shared_memory_type": "mmap",
}
"""Its content is put in once and goes with it: nothing outlasts a crash, nothing is tidied beside requests, and what it
shares lies in its own folder."""
INITDB = "initdb --username=postgres --no-sync --encoding=UTF8 --locale=C"
PROTOCOL = 3 << 16
HELLO = struct.pack("!I", PROTOCOL) + f"user\0{USER}\0database\0{USER}\0\0".encode()
"""How a client begins, by version 3.0 of the protocol: a server that takes requests asks who it is, or lets it in."""
OPTIONS = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())


class Postgres:
    """The secret comes by a pipe, so that it is in no file as it is and in no list of processes."""

    name = "postgres"
    image = f"pgvector/pgvector:pg{MAJOR}"
    debian = Debian("postgres", "trixie", (f"postgresql-{MAJOR}", f"postgresql-{MAJOR}-pgvector"))
    install = (
        "pip install pgserver==0.1.4 beside Frostline, or the system's packages of PostgreSQL and pgvector, such as "
        f"apt-get install postgresql-{MAJOR}-pgvector from Debian 13 on"
    )
    runs_as_root = False
    port = 5432
    sizing = Sizing(1024, 1.0)
    container_command = [
        "sh",
        "-c",
        f'PATH="/usr/lib/postgresql/{MAJOR}/bin:$PATH" && '
        f'printf "%s\\n" "${SECRET_VARIABLE}" | {INITDB} -D /tmp/data --auth=scram-sha-256 --pwfile=/dev/stdin && '
        "echo host all all all scram-sha-256 >> /tmp/data/pg_hba.conf && "
        f"exec env -u {SECRET_VARIABLE} postgres -D /tmp/data -k /tmp -h '*' {OPTIONS}",
    ]

    def program(self) -> str | None:
        """The newest of the system's that has pgvector, else the wheel's."""
        system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True)
        spec = find_spec("pgserver")
        wheel = [Path(place) / "pginstall" / "bin" for place in (spec and spec.submodule_search_locations) or ()]
        found = (folder / "postgres" for folder in [*system, *wheel] if _has_pgvector(folder))
        return next((str(program) for program in found if program.is_file()), None)

    def process_command(self, program: str, folder: Path) -> list[str]:
        """No port; nobody else may enter the folder of its socket, so there is no secret."""
        run = f'exec "$0/postgres" -D "$1/data" -k "$1" -h "" -p {self.port} {OPTIONS}'
        script = f'"$0"/{INITDB} -D "$1/data" --auth=trust && {run}'
        return ["/bin/sh", "-c", script, str(Path(program).parent), str(folder)]

    def address(self, host: str, port: int, secret: str) -> str:
        """A URL of its client library."""
        return f"postgresql://{USER}:{secret}@{host}:{port}/{USER}"

    def socket_address(self, folder: Path) -> str:
        """A URL of its client library."""
        return f"postgresql:///{USER}?user={USER}&host={quote(str(folder), safe='/')}"

    def ask(self, address: str) -> str | None:
        """None: only who has logged in hears its version. NotReady while it takes nobody."""
        try:
            with closing(_connect(urlsplit(address))) as connection:
                connection.sendall(struct.pack("!I", 4 + len(HELLO)) + HELLO)
                answer = connection.recv(4096)
        except OSError as error:
            raise NotReady(f"{type(error).__name__}: {error}") from error
        if not answer.startswith(b"R"):
            raise NotReady(_refusal(answer) or "it hung up")
        return None


def _has_pgvector(folder: Path) -> bool:
    """Where the system keeps it, beside programs of one version; or below the folder that the programs are in."""
    places = (Path("/usr/share/postgresql") / folder.parent.name, folder.parent / "share" / "postgresql")
    return any((place / "extension" / "vector.control").is_file() for place in places)


def _connect(address: SplitResult) -> socket.socket:
    if address.hostname:
        return socket.create_connection((address.hostname, address.port or Postgres.port), PATIENCE_S)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE_S)
    try:
        connection.connect(f"{parse_qs(address.query)['host'][0]}/.s.PGSQL.{Postgres.port}")
    except BaseException:
        connection.close()
        raise
    return connection


def _refusal(answer: bytes) -> str:
    """What an error message says for people: fields of one letter and a text, each ended by a zero."""
    fields = answer[5:].split(b"\0")
    return next((field[1:].decode(errors="replace") for field in fields if field.startswith(b"M")), "")


SERVER: Server = Postgres()
