"""What the Docker engine itself says that it did: an event stream beside the run, which knows nothing of it."""

import threading
from typing import Any

import docker

from targets.local import containers
from targets.ownership import RUN_LABEL

SETTLE_S = 1.0
ACTIONS = ("create", "start", "die", "oom", "destroy")


class EngineWitness:
    """Listens while it is entered; `actions` has, by container id, what the engine did to it, in order."""

    def __init__(self) -> None:
        self.actions: dict[str, list[str]] = {}
        self._client: docker.DockerClient = containers.engine()
        self._stream: Any = None
        self._thread = threading.Thread(target=self._listen, name="engine-witness", daemon=True)

    def __enter__(self) -> "EngineWitness":
        # Asked live: the engine remembers its last 256 events only.
        filters = {"type": "container", "label": RUN_LABEL, "event": list(ACTIONS)}
        self._stream = self._client.api.events(decode=True, filters=filters)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(SETTLE_S)  # the last containers were removed a moment ago
        self._stream.close()
        self._thread.join(SETTLE_S)
        self._client.close()

    def _listen(self) -> None:
        for event in self._stream:
            self.actions.setdefault(event["Actor"]["ID"], []).append(event["Action"])
