"""Redis: a queue by its streams, in memory only."""

import shutil
from pathlib import Path

from targets.backing.contract import SECRET_VARIABLE, NotReady, Server
from targets.contract import Sizing
from targets.packaging.bootstrap import Debian

MEMORY_MB = 512
SOCKET = "redis.sock"
PATIENCE_S = 5.0
SETTINGS = ["save ''", "appendonly no", f"maxmemory {MEMORY_MB * 3 // 4}mb", "maxmemory-policy noeviction"]
"""Nothing is on disk: what a queue holds goes with it. What does not fit is refused, and nothing is thrown away."""


class Redis:
    """The settings come by standard input, so that the secret is in no file and in no list of processes."""

    name = "redis"
    image = "redis:7.0"
    debian = Debian("redis", "bookworm", ("redis-server",))
    install = "apt-get install redis-server"
    runs_as_root = True
    port = 6379
    sizing = Sizing(MEMORY_MB, 1.0)
    container_command = [
        "sh",
        "-c",
        f'printf "%s\\n" "requirepass ${SECRET_VARIABLE}" "bind 0.0.0.0" "dir /tmp" '
        + " ".join(f'"{line}"' for line in SETTINGS)
        + f" | env -u {SECRET_VARIABLE} redis-server -",
    ]

    def program(self) -> str | None:
        """The one on the PATH."""
        return shutil.which("redis-server")

    def process_command(self, program: str, folder: Path) -> list[str]:
        """No port; nobody else may enter the folder of its socket, so there is no secret."""
        # Its title would lie where the kernel shows its environment, in which the mark stands that `clean` looks for.
        untitled = ["--set-proc-title", "no"]
        options = [word for line in SETTINGS for word in ("--" + line.replace("''", "")).split(" ")]
        return [program, "--port", "0", "--unixsocket", str(folder / SOCKET), "--dir", str(folder), *untitled, *options]

    def address(self, host: str, port: int, secret: str) -> str:
        """A URL of its client library."""
        return f"redis://:{secret}@{host}:{port}/0"

    def socket_address(self, folder: Path) -> str:
        """A URL of its client library."""
        return f"unix://{folder / SOCKET}"

    def ask(self, address: str) -> str:
        """Its version. NotReady while it does not answer."""
        import redis  # here, because it takes a third of a second, and targets are listed often

        with redis.from_url(address, socket_timeout=PATIENCE_S) as client:
            try:
                return str(client.info("server")["redis_version"])
            except (redis.RedisError, OSError) as error:
                raise NotReady(f"{type(error).__name__}: {error}") from error


SERVER: Server = Redis()
