"""Everything that is deployed far away, and the API by which that is done.

POST and GET /deployments; GET and DELETE /deployments/NAME, POST .../update and .../anew, GET .../log?after=N.
A service's units: POST and GET .../units, and GET .../memory tells the most that each has used so far.
Of a function, POST /invoke/NAME is answered, POST /queue/NAME only accepted: its end is told by GET
/queue/NAME?after=N, and how many there are by GET /queue/NAME/state.
"""

import json
import re
import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

from targets.clock import now_ns
from tests.fakes.far.fleet import Fleet
from tests.fakes.far.function import Function
from tests.fakes.far.pool import Throttled

POLL_S = 1.0
ROUTES = {
    ("POST", r"/deployments"): "deploy",
    ("GET", r"/deployments"): "names",
    ("GET", r"/deployments/(\w+)"): "look",
    ("DELETE", r"/deployments/(\w+)"): "remove",
    ("POST", r"/deployments/(\w+)/update"): "update",
    ("POST", r"/deployments/(\w+)/anew"): "begin_anew",
    ("GET", r"/deployments/(\w+)/log"): "log",
    ("POST", r"/deployments/(\w+)/units"): "add_units",
    ("GET", r"/deployments/(\w+)/units"): "units",
    ("GET", r"/deployments/(\w+)/memory"): "memory",
    ("POST", r"/invoke/(\w+)"): "invoke",
    ("POST", r"/queue/(\w+)"): "accept",
    ("GET", r"/queue/(\w+)"): "ends",
    ("GET", r"/queue/(\w+)/state"): "queue_state",
}
Answer = tuple[int, dict[str, Any] | bytes]
THROTTLED = 429, {"errorType": "TooManyRequests", "errorMessage": "too many requests are being handled"}


class Region:
    """Everything that is deployed."""

    def __init__(self, deploy_s: float) -> None:
        self._deploy_ns = int(deploy_s * 1e9)
        self._active_ns: dict[str, int] = {}
        self._functions: dict[str, Function] = {}
        self._fleets: dict[str, Fleet] = {}

    def answer(self, method: str, url: str, body: bytes, request_id: str) -> Answer:
        """Do what one request asks for."""
        parts = urlsplit(url)
        for (verb, pattern), name in ROUTES.items():
            if verb == method and (match := re.fullmatch(pattern, parts.path)):
                query = {key: int(values[0]) for key, values in parse_qs(parts.query).items()}
                try:
                    return getattr(self, f"_{name}")(*match.groups(), body=body, request_id=request_id, **query)
                except KeyError as error:
                    return 404, {"errorType": "NotFound", "errorMessage": f"nothing is deployed as {error}"}
        return 404, {"errorType": "NotFound", "errorMessage": f"{method} {parts.path} is no operation"}

    def fleet(self, name: str) -> Fleet:
        """The service of this name. KeyError when there is none."""
        return self._fleets[name]

    @property
    def _deployed(self) -> dict[str, Function | Fleet]:
        return {**self._functions, **self._fleets}

    def _deploy(self, body: bytes, **_: object) -> Answer:
        name, order = f"fn{secrets.token_hex(6)}", json.loads(body)
        if "replicas" in order:
            self._fleets[name] = Fleet(order)
        else:
            self._functions[name] = Function(order)
        self._active_ns[name] = now_ns() + self._deploy_ns
        return 202, {"name": name}

    def _names(self, **_: object) -> Answer:
        return 200, {"deployments": [{"name": name, **held.tags} for name, held in self._deployed.items()]}

    def _look(self, name: str, **_: object) -> Answer:
        return 200, {"state": "active" if self._active_ns[name] <= now_ns() else "pending"}

    def _remove(self, name: str, **_: object) -> Answer:
        if held := self._deployed.get(name):  # fine when it is gone
            held.close()
            self._functions.pop(name, None)
            self._fleets.pop(name, None)
        return 200, {}

    def _update(self, name: str, body: bytes, **_: object) -> Answer:
        self._deployed[name].update(**json.loads(body))
        return 200, {}

    def _begin_anew(self, name: str, body: bytes, **_: object) -> Answer:
        self._deployed[name].begin_anew(**json.loads(body))
        return 200, {}

    def _add_units(self, name: str, body: bytes, **_: object) -> Answer:
        return 202, {"units": self._fleets[name].add(**json.loads(body))}

    def _units(self, name: str, **_: object) -> Answer:
        return 200, {"units": self._fleets[name].states()}

    def _memory(self, name: str, **_: object) -> Answer:
        return 200, {"units": self._fleets[name].peaks()}

    def _log(self, name: str, after: int, **_: object) -> Answer:
        return 200, {"lines": self._functions[name].mail.read(after)}

    def _invoke(self, name: str, body: bytes, request_id: str, **_: object) -> Answer:
        try:
            return 200, self._functions[name].invoke(body or b"{}", request_id)
        except Throttled:
            return THROTTLED

    def _accept(self, name: str, body: bytes, request_id: str, **_: object) -> Answer:
        self._functions[name].queue.put(body, request_id)
        return 202, {}

    def _ends(self, name: str, after: int, **_: object) -> Answer:
        return 200, {"ends": self._functions[name].queue.read(after, POLL_S)}

    def _queue_state(self, name: str, **_: object) -> Answer:
        return 200, self._functions[name].queue.state

    def close(self) -> None:
        """End every unit."""
        for name in list(self._deployed):
            self._remove(name)
