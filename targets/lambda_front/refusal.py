"""What AWS answers instead of an invocation, in the form from which SDKs make their exceptions."""

import json
from dataclasses import dataclass, field

Answer = tuple[int, bytes, dict[str, str]]
"""Status, body, headers."""
CAPITAL = ("ResourceNotFoundException", "ServiceException")
"""Of the service model's exceptions of Invoke that are used here, those that call their message "Message"."""


@dataclass
class Refused(Exception):
    """The request is not carried out. `more` are further members of the body, `headers` go with it."""

    status: int
    kind: str
    message: str
    more: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def answer(self) -> Answer:
        """The reply that an SDK reads."""
        member = "Message" if self.kind in CAPITAL else "message"
        body = {"Type": "Service" if self.status >= 500 else "User", member: self.message, **self.more}
        return self.status, json.dumps(body).encode(), {"x-amzn-errortype": self.kind, **self.headers}


def invalid(message: str) -> Refused:
    """A parameter that is none."""
    return Refused(400, "InvalidParameterValueException", message)


def not_satisfied(field: str, value: str, constraint: str) -> Refused:
    """A parameter that breaks a constraint of the service model, in AWS's words."""
    return invalid(
        f"1 validation error detected: Value '{value[:300]}' at '{field}' failed to satisfy constraint: "
        f"Member must satisfy {constraint}"
    )


def unknown_operation(message: str) -> Refused:
    """No operation of this front."""
    return Refused(404, "UnknownOperationException", message)
