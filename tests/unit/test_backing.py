"""Servers that units need: how they are told of, asked and missed, without starting one."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest

import targets
from targets.backing import process
from targets.backing.contract import (
    SECRET_VARIABLE,
    Backing,
    NotReady,
    check_filled,
    content_of,
    named,
    needed_by,
    server_of,
)
from targets.backing.postgres import SERVER, _connect, _has_pgvector
from targets.clock import sleep
from targets.contract import DeploymentError, Order, Package, Sizing
from targets.local import containers
from targets.workloads.contract import backing_address

ORDER = Order("test", Sizing(512, 1.0), environment={"MINE": "1"})
ADDRESS = SERVER.address("postgres", 5432, "s3cret")


class Ran:
    """A server that runs, until `why` says how it ended."""

    network, address, inner_address = "net", "", ADDRESS

    def __init__(self, why: str | None = None) -> None:
        self.why = why
        self.facts: dict[str, Any] = {"server": "postgres"}

    def end_reason(self) -> str | None:
        return self.why

    def last_words(self) -> str:
        return ""

    def remove(self) -> None:
        pass


def test_units_are_told_the_address_and_the_manifest_is_not() -> None:
    backing = Backing.of(SERVER, Ran(), ORDER)
    assert backing.order.environment == {"MINE": "1", "FROSTLINE_POSTGRES": ADDRESS}
    assert backing.network == "net" and "s3cret" not in str(backing.facts)
    assert "s3cret" not in str(SERVER.container_command) and SECRET_VARIABLE in str(SERVER.container_command)


def test_what_needs_nothing_is_left_as_it_is() -> None:
    backing = Backing(ORDER)
    backing.check()
    assert backing.order is ORDER and backing.network is None and backing.facts == {}
    assert server_of(targets.workload("echo")) is None and needed_by(Package("echo", "")) is None


def test_a_server_that_has_ended_is_one_error_that_names_it() -> None:
    Backing.of(SERVER, Ran(), ORDER).check()
    with pytest.raises(DeploymentError, match=r"the backing service postgres ended \(exit code 137\): deploy anew"):
        Backing.of(SERVER, Ran("exit code 137"), ORDER).check()


def test_a_server_of_no_file_is_told() -> None:
    assert named("postgres") is SERVER and server_of(targets.workload("search")) is SERVER
    with pytest.raises(DeploymentError, match="no backing service is called 'mongo'"):
        named("mongo")


@pytest.mark.parametrize("name", ["docker-queue", "process-queue"])
def test_a_target_that_starts_none_refuses_before_anything_is_made(name: str) -> None:
    with pytest.raises(DeploymentError, match=f"search needs postgres beside its units, which {name} does not start"):
        targets.target(name).package(targets.workload("search"), None, print)


@pytest.mark.parametrize("name", ["docker-hybrid", "process-hybrid"])
def test_a_hybrid_starts_none_for_its_parts(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    target = targets.target(name)
    monkeypatch.setattr(f"targets.local.{name.replace('-', '_')}.why_whole", lambda workload: None)
    with pytest.raises(DeploymentError, match=f"search needs postgres beside its units, which {name} does not start"):
        target.package(targets.workload("search"), None, print)


def test_a_folder_of_any_name_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "a b%20&c+d"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / ".s.PGSQL.5432"))
        listener.listen()
        with closing(_connect(urlsplit(SERVER.socket_address(folder)))):
            pass


def test_what_filling_told_is_found_among_what_libraries_print() -> None:
    assert content_of('[1]\n{"passages": 240}\nResourceWarning: unclosed\n') == {"passages": 240}
    for printed, said in (("", "it printed nothing"), ("[1]\nall done\n", "all done")):
        with pytest.raises(DeploymentError, match=rf"told nothing of the content \({said}\): let it return facts"):
            content_of(printed)


def test_content_that_is_not_in_is_told_with_what_was_printed() -> None:
    check_filled("postgres", 0, "")
    with pytest.raises(DeploymentError, match="filling postgres ended with exit status 3: no such table"):
        check_filled("postgres", 3, "no such table\n")
    with pytest.raises(DeploymentError, match="filling postgres takes more than 300 s: let fill"):
        check_filled("postgres", None, "row 12 of 900\n")


class Waited:
    """A container of which the engine tells no end: its client gives up after as long as it was told to wait."""

    def __init__(self, status: str) -> None:
        self.status = status
        self.attrs = {"State": {"ExitCode": 1, "OOMKilled": False}}

    def wait(self, timeout: float) -> dict[str, int]:
        sleep(timeout)
        raise ConnectionError("Read timed out.")

    def reload(self) -> None:
        pass


def test_a_container_that_still_runs_is_no_fault_of_the_engine() -> None:
    assert containers.wait(cast(Any, Waited("running")), 0.01) is None
    with pytest.raises(ConnectionError):
        containers.wait(cast(Any, Waited("exited")), 0.01)


def test_a_unit_without_its_server_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="there is no postgres: this target starts none"):
        backing_address("postgres")
    monkeypatch.setenv("FROSTLINE_POSTGRES", ADDRESS)
    assert backing_address("postgres") == ADDRESS


@contextmanager
def answering(reply: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that takes one client, hears its hello, and answers so."""
    heard: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            heard.append(connection.recv(1024))
            connection.sendall(reply)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield SERVER.address("127.0.0.1", listener.getsockname()[1], "s3cret"), heard
        finally:
            thread.join(60)


def test_a_store_that_asks_who_comes_is_ready() -> None:
    with answering(b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0") as (address, heard):
        assert SERVER.ask(address) is None
    (hello,) = heard
    assert int.from_bytes(hello[:4]) == len(hello) and hello[4:8] == b"\0\x03\0\0" and b"user\0postgres" in hello


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"E\0\0\0\x30SFATAL\0C57P03\0Mthe database system is starting up\0\0", "^the database system is starting up$"),
        (b"", "it hung up"),
    ],
)
def test_a_store_that_starts_is_not_ready(reply: bytes, said: str) -> None:
    with answering(reply) as (address, _), pytest.raises(NotReady, match=said):
        SERVER.ask(address)


def test_a_store_that_is_not_there_is_not_ready(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="FileNotFoundError"):
        SERVER.ask(SERVER.socket_address(tmp_path))


def test_programs_without_pgvector_will_not_do(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    assert not _has_pgvector(tmp_path / "bin")
    control = tmp_path / "share" / "postgresql" / "extension" / "vector.control"
    control.parent.mkdir(parents=True)
    control.touch()
    assert _has_pgvector(tmp_path / "bin")


def test_what_is_missing_for_a_process_is_said_with_the_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "postgres"
    program.touch(0o755)
    monkeypatch.setattr(type(SERVER), "program", lambda self: None)
    assert "there is no postgres on this machine: install it (pip install pgserver" in str(process.missing(SERVER))
    monkeypatch.setattr(type(SERVER), "program", lambda self: str(program))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert process.missing(SERVER) is None
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    tmp_path.chmod(0o700)
    assert "is closed to the user nobody: open the folders above it" in str(process.missing(SERVER))
