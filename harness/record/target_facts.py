"""What a run keeps of its targets: their parts, and what each could prove. The reading half knows no more of them."""

from typing import Literal

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict  # pydantic takes that of Python 3.12 and newer only

from harness.record.forms import Number, Record, Switch, Text


@with_config(ConfigDict(extra="allow", allow_inf_nan=False))
class CapabilityFacts(TypedDict, total=False):
    """What a target can prove, and how: `targets.contract.Capabilities`. A later Frostline may know more of them."""

    clock: Text
    cold: Text
    usage: Text
    events: Switch
    emulated: Switch
    isolated: Switch
    engine: Switch
    images_absent: Switch
    page_cache: Switch
    scale_out: Switch
    streams: Switch
    asynchronous: Switch
    accelerator: Switch
    invoke_api: Switch
    deploys: Text
    deploy_s: Number
    billed: list[Text]
    most_request_bytes: Number | None


class PartFacts(Record):
    """A piece of a target that is sized and bought on its own."""

    name: Text
    kind: Text
    """service or function."""
    bought_as: Text
    """Name of the way of buying, e.g. aws_lambda."""


class TargetFacts(Record):
    """What a target is and can do, as it said itself when the run began; what it did not say is None."""

    parts: list[PartFacts] = []
    """The first is the one that requests reach."""
    capabilities: CapabilityFacts = {}

    @property
    def kind(self) -> str | None:
        """Of the part that requests reach."""
        return self.parts[0].kind if self.parts else None

    @property
    def form(self) -> Literal["service", "function", "hybrid"] | None:
        """Which answer it is to the question: one of two sides, or a function before a service; None of others."""
        kinds = [part.kind for part in self.parts]
        if kinds == ["function", "service"]:
            return "hybrid"
        if kinds == ["service"]:
            return "service"
        return "function" if kinds == ["function"] else None

    @property
    def asynchronous(self) -> bool:
        """Whether a request is only accepted, into a queue by which its units come and go."""
        return bool(self.capabilities.get("asynchronous"))

    @property
    def emulated(self) -> bool | None:
        """Whether it stands in for a cloud service that it is not."""
        return self.capabilities.get("emulated")

    @property
    def elsewhere(self) -> bool:
        """Whether it is the service that is sold: its units ran under another clock, and it stands in for nothing."""
        return self.capabilities.get("clock") == "own" and self.emulated is False

    @property
    def isolated(self) -> bool | None:
        """Whether its units are held to their memory and CPU limits."""
        return self.capabilities.get("isolated")


def incomparable(a: TargetFacts, b: TargetFacts) -> bool:
    """Whether one of two is a cloud service and the other an emulation: their numbers are never held together."""
    return (a.elsewhere and b.emulated is True) or (b.elsewhere and a.emulated is True)


UNTOLD = TargetFacts()
"""Of a target that the manifest does not name."""
