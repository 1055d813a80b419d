"""One measurement at a time on one machine: a locked file, held from before packaging to the end of the command."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.clock import utc_now
from harness.errors import Interrupted, MissingError, UsageError
from harness.files.text import harmless
from harness.interruption import interruptible
from harness.measure.constancy import code_changes, code_digests
from targets.ownership import Owner

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

LOCK_VARIABLE = "FROSTLINE_LOCK"
LOCK = Path("/tmp/frostline.lock")  # noqa: S108 - the same for every user of the machine, whatever their TMPDIR
UNLOCKABLE = "NOT ALONE FOR SURE: this system locks no files, so another run that measures here is not noticed"
LONGEST_TEXT = 1000
RACES = 10
"""Looks at a file that others make and remove meanwhile."""


@contextmanager
def alone(run: str = "", tell: Callable[[str], None] | None = None) -> Iterator[None]:
    """Nobody else measures on this machine meanwhile; MissingError says who does. `run` is told to whoever asks.

    With `tell` it waits its turn instead, and tells once for whom. Interrupted, when a signal ends the wait; UsageError
    when code that measures was changed meanwhile.

    One process may hold it several times over: a remeasuring holds it around its two runs. The kernel lets go of it
    when the process ends, however it ends; its children never have it (descriptors close on exec, nothing forks).
    """
    if not _LOCK.runs:
        _LOCK.take(tell)
    _LOCK.runs.append(run)
    try:
        _LOCK.sign()
        yield
    finally:
        _LOCK.runs.pop()
        if _LOCK.runs:
            _LOCK.sign()
        else:
            _LOCK.release()


def can_lock() -> bool:
    """Whether this system has the locks that `alone` rests on."""
    return fcntl is not None


class _Lock:
    """The file, while this process holds it."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        """What it is held for, the innermost last."""
        self._descriptor: int | None = None
        self._since = ""

    def take(self, tell: Callable[[str], None] | None) -> None:
        if fcntl is None:
            return
        path = Path(os.environ.get(LOCK_VARIABLE) or LOCK)
        try:
            self._descriptor = _lock_file(path, tell)
            self._since = f"{utc_now():%Y-%m-%d %H:%M} UTC"
        except OSError as error:
            raise MissingError(
                f"{path} cannot be locked ({error.strerror}), so nothing keeps two runs apart: make it a readable "
                f"file, or name another one, the same for everybody who measures here, in {LOCK_VARIABLE}"
            ) from None

    def sign(self) -> None:
        """Say in the file who holds it. Best effort: another user's file may not be ours to write."""
        if self._descriptor is None:
            return
        run = next((run for run in reversed(self.runs) if run), "")
        with suppress(OSError):
            if os.fstat(self._descriptor).st_nlink == 1:  # never through somebody's link to quite another file
                os.ftruncate(self._descriptor, 0)
                os.pwrite(self._descriptor, f"{Owner.current()}\n{run}\n{self._since}\n".encode(), 0)

    def release(self) -> None:
        """The file stays: whoever removed it would leave a waiting run with a lock that nobody else sees."""
        if self._descriptor is None:
            return
        with suppress(OSError):
            if os.fstat(self._descriptor).st_nlink == 1:
                os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
        self._descriptor = None


_LOCK = _Lock()


def _lock_file(path: Path, tell: Callable[[str], None] | None) -> int:
    """A descriptor of the locked file. MissingError when it is locked already and nobody is told of a wait, OSError
    when it cannot be."""
    for _ in range(RACES):
        descriptor = _open_file(path)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            _lock(descriptor, path, tell)
            if _is_at(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # removed since it was opened, by a cleaner of temporary files: lock its successor
    raise OSError(errno.EAGAIN, "it is removed again and again")


def _lock(descriptor: int, path: Path, tell: Callable[[str], None] | None) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder, since = _name_holder(descriptor)
        if tell is None:
            fix = f"wait for it, with --wait, or end it ({path})"
            raise MissingError(f"{holder} measures on this machine already: {fix}") from None
        digests = code_digests()
        try:
            with interruptible():
                tell(f"waiting: {holder} measures on this machine{since and f' since {since}'}; Ctrl-C ends the wait")
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        except Interrupted:
            raise Interrupted("interrupted while waiting for the machine: nothing was begun") from None
        _refuse_changes(code_changes(digests))


def _refuse_changes(files: list[Path]) -> None:
    """UsageError where code was changed in a wait: what was imported before it would judge what is packaged now."""
    if files:
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        raise UsageError([f"changed while it waited: {harmless(str(files[0]))}{more}: run again"])


def _open_file(path: Path) -> int:
    """A file that is there is opened without O_CREAT, which a sticky folder refuses for other users' files
    (fs.protected_regular); for a lock it need not be writable. Neither a link nor a pipe is followed or waited for."""
    flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    for _ in range(RACES):
        try:
            return os.open(path, os.O_RDWR | flags)
        except PermissionError:
            return os.open(path, os.O_RDONLY | flags)
        except FileNotFoundError:
            with suppress(FileExistsError):
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | flags, 0o666)
                with suppress(OSError):
                    os.fchmod(descriptor, 0o666)  # whatever the umask: the next user is to sign it, too
                return descriptor
    raise OSError(errno.EAGAIN, "it is made and removed again and again")


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _name_holder(descriptor: int) -> tuple[str, str]:
    """Who signed the file and since when, when that process is alive: an old signature is none."""
    with suppress(OSError):
        lines = os.pread(descriptor, LONGEST_TEXT, 0).decode("utf-8", "replace").split("\n")
        owner_text, run, since = (harmless(line.strip()) for line in [*lines, "", ""][:3])
        owner = Owner.parse(owner_text)
        if owner is not None and owner.alive:
            return f"run {run}, process {owner.pid}" if run else f"process {owner.pid}", since
    return "another process", ""
