"""What the Docker engine itself says that it did: an event stream beside the run, which knows nothing of it."""

import threading
from collections.abc import Iterable
from typing import Any

import docker

from targets.clock import wall_time
from targets.local import containers
from targets.ownership import RUN_LABEL

CLOSE_S = 10.0
ACTIONS = ("create", "start", "die", "oom", "destroy")


class EngineWitness:
    """Listens while it is entered; `actions` has, by container id, what the engine did to it, in order."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, str, str], None] = {}
        self._client: docker.DockerClient = containers.engine()
        self._stream: Any = None
        self._begun = 0
        self._thread = threading.Thread(target=self._listen, name="engine-witness", daemon=True)

    @property
    def actions(self) -> dict[str, list[str]]:
        """The engine's actions so far, by container id, in order."""
        actions: dict[str, list[str]] = {}
        for _, container, action in sorted(self._seen):
            actions.setdefault(container, []).append(action)
        return actions

    def __enter__(self) -> "EngineWitness":
        # Asked live: the engine remembers its last 256 events only.
        self._begun = int(wall_time())
        self._stream = self._events()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # What the stream has yet to deliver, the engine remembers: it notes an event before it answers the call.
        self._note(self._events(since=self._begun, until=int(wall_time()) + 1))
        self._stream.close()
        self._thread.join(CLOSE_S)
        self._client.close()

    def _events(self, **span: int) -> Any:
        filters = {"type": "container", "label": RUN_LABEL, "event": list(ACTIONS)}
        return self._client.api.events(decode=True, filters=filters, **span)

    def _listen(self) -> None:
        self._note(self._stream)

    def _note(self, events: Iterable[dict[str, Any]]) -> None:
        for event in events:
            self._seen[event["timeNano"], event["Actor"]["ID"], event["Action"]] = None
