"""A certificate that vouches for itself, made anew for each platform."""

import subprocess
from pathlib import Path

NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """(certificate, key) as PEM files in `folder`; who trusts the first believes a server that holds both."""
    certificate, key = folder / "ca.pem", folder / "key.pem"
    what = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=far away",
    ]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", "req", "-x509", *what, "-addext", NAMES, *files], check=True, capture_output=True)
    return certificate, key
