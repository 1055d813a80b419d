"""A cloud service and an emulation: their numbers are never held together."""

import pytest

from harness.record.target_facts import PartFacts, TargetFacts, incomparable


def facts(clock: str, emulated: bool | None) -> TargetFacts:
    told = {} if emulated is None else {"emulated": emulated}
    return TargetFacts(
        parts=[PartFacts(name="f", kind="function", bought_as="aws_lambda")], capabilities={"clock": clock, **told}
    )


CLOUD, EMULATOR, HERE, LOCAL_LAMBDA, UNTOLD = (
    *(facts("own", False), facts("own", True)),
    *(facts("shared", False), facts("shared", True), facts("own", None)),
)


@pytest.mark.parametrize(
    ("a", "b", "never"),
    [
        (CLOUD, EMULATOR, True),
        (CLOUD, LOCAL_LAMBDA, True),
        (CLOUD, CLOUD, False),
        (EMULATOR, EMULATOR, False),
        (HERE, LOCAL_LAMBDA, False),
        (HERE, CLOUD, False),
        (UNTOLD, EMULATOR, False),
    ],
)
def test_only_a_cloud_service_beside_an_emulation_is_never_compared(a, b, never):
    assert incomparable(a, b) is incomparable(b, a) is never
