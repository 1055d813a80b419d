"""Certificates for servers of the tests, made anew each time by openssl."""

import subprocess
from pathlib import Path

HERE = "DNS:localhost,IP:127.0.0.1,IP:::1"
EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_certificate(folder: Path, names: str = HERE) -> tuple[Path, Path]:
    """(certificate, key) as PEM files in `folder`; who trusts the first believes a server of these names with both."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    what = (*EC, "-days", "2", "-subj", "/CN=a test", "-addext", f"subjectAltName={names}")
    files = ("-keyout", str(key), "-out", str(certificate))
    subprocess.run(["openssl", "req", "-x509", *what, *files], check=True, capture_output=True)
    return certificate, key
