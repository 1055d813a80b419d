"""The passages in PostgreSQL: a table with a vector each (pgvector), filled once and then only read."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from targets.serving.core import cpu_limit
from targets.workloads.contract import Phase, backing_address

POSTGRES = "postgres"
PATIENCE_S = 10.0
"""For a connection."""
NEAREST = "SELECT id, text FROM passages ORDER BY vector <=> %s::vector LIMIT %s"
"""By cosine distance, exactly: so few passages are all read, also where there is an index (pgvector 0.8)."""


class StoreGone(Exception):
    """The store does not answer."""


class Store:
    """What a unit asks. `connection` gives one for the time of a question; what it raises of `gone` is StoreGone."""

    def __init__(self, connection: Callable[[], AbstractContextManager[Any]], gone: type[Exception]) -> None:
        self._connection, self._gone = connection, gone

    def nearest(self, vector: list[float], count: int) -> list[tuple[str, str]]:
        """Id and text of so many passages, the nearest first. StoreGone."""
        try:
            with self._connection() as connection:
                found: list[tuple[str, str]] = connection.execute(NEAREST, (_written(vector), count)).fetchall()
        except self._gone as error:
            raise StoreGone(gone_words(error)) from error
        return found


def open_store(phase: Phase, pooling: bool) -> Store:
    """Phases imports and, with `pooling`, store_connection: one is opened, and as many are kept as questions come at
    once. Without it each question has a connection of its own. StoreGone."""
    address = backing_address(POSTGRES)
    with phase("imports"):
        import psycopg
    if not pooling:
        return Store(lambda: psycopg.connect(address, autocommit=True, connect_timeout=int(PATIENCE_S)), psycopg.Error)
    with phase("imports"):
        from psycopg_pool import ConnectionPool
    with phase("store_connection"):
        pool = ConnectionPool(
            address,
            min_size=1,
            max_size=cpu_limit(),
            kwargs={"autocommit": True, "connect_timeout": int(PATIENCE_S)},
            timeout=PATIENCE_S,
            open=False,
        )
        try:
            pool.open(wait=True, timeout=PATIENCE_S)
        except psycopg.Error as error:
            raise StoreGone(gone_words(error)) from error
    return Store(pool.connection, psycopg.Error)


def fill_store(passages: Iterable[tuple[str, str, list[float]]]) -> Mapping[str, Any]:
    """Make the table of id, text and vector; what it is. StoreGone."""
    import psycopg

    rows = [(name, text, _written(vector)) for name, text, vector in passages]
    dimensions = rows[0][2].count(",") + 1
    try:
        with psycopg.connect(backing_address(POSTGRES), connect_timeout=int(PATIENCE_S)) as connection:
            connection.execute("CREATE EXTENSION vector")
            columns = f"id text PRIMARY KEY, text text NOT NULL, vector vector({dimensions}) NOT NULL"
            connection.execute(f"CREATE TABLE passages ({columns})")
            connection.cursor().executemany("INSERT INTO passages VALUES (%s, %s, %s::vector)", rows)
            connection.execute("ANALYZE passages")
            versions = "SELECT current_setting('server_version'), extversion FROM pg_extension WHERE extname = 'vector'"
            ((server, extension),) = connection.execute(versions).fetchall()
    except psycopg.Error as error:
        raise StoreGone(gone_words(error)) from error
    return {
        "passages": len(rows),
        "dimensions": dimensions,
        "search": "exact",
        "postgres": server,
        "pgvector": extension,
    }


def gone_words(error: Exception) -> str:
    """One line, of which none has the password."""
    return f"the store ({POSTGRES}) does not answer as it should: {' '.join(str(error).split())[:300]}"


def _written(vector: list[float]) -> str:
    """As pgvector reads it."""
    return f"[{','.join(map(str, vector))}]"
