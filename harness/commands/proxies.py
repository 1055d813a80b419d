"""Proxies that the environment names: our own requests never use one, other clients do."""

import os
import shlex
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

LOOPBACK = ("127.0.0.1", "localhost")


def proxy_variable(scheme: str, host: str) -> str:
    """The variable whose proxy other clients would use for this host; "" where they would use none."""
    proxies = getproxies_environment()
    if proxy_bypass_environment(host, proxies):
        return ""
    kind = next((kind for kind in (scheme, "all") if proxies.get(kind)), "")
    if not kind:
        return ""
    return next((name for name in os.environ if name.lower() == f"{kind}_proxy" and os.environ[name]), "")


def exception_line() -> str:
    """The shell's line that keeps every client from using a proxy for this machine, beside the exceptions there are."""
    # Clients look for the small letters first, and then for nothing else.
    name = "no_proxy" if os.environ.get("no_proxy") else "NO_PROXY"
    hosts = [host.strip() for host in os.environ.get(name, "").split(",") if host.strip()]
    return f"export {name}={shlex.quote(','.join([*hosts, *(host for host in LOOPBACK if host not in hosts)]))}"
