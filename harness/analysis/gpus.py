"""What the GPUs of a row's units drew, all of a trial's together; absent where a trial of the row does not know."""

from collections.abc import Sequence

from harness.record.nouns import TrialRecord

MW_PER_W = MJ_PER_J = 1000


def mean_power_w(records: Sequence[TrialRecord]) -> float | None:
    """The mean over trials, weighted by their lengths, of what all GPUs of one drew on average."""
    drawn = [(sum_of([gpu.power_mean_mw for gpu in record.gpus]), record.seconds) for record in records]
    seconds = sum(length for _, length in drawn)
    known = [(power_mw, length) for power_mw, length in drawn if power_mw is not None]
    if len(known) < len(drawn) or not seconds:
        return None
    return sum(power_mw * length for power_mw, length in known) / seconds / MW_PER_W


def energy_of(records: Sequence[TrialRecord]) -> float | None:
    """In J, idle or not, from each trial's begin to its last answer."""
    energy_mj = sum_of([sum_of([gpu.energy_mj for gpu in record.gpus]) for record in records])
    return None if energy_mj is None else energy_mj / MJ_PER_J


def sum_of(values: Sequence[int | None]) -> int | None:
    """Of all; None where there is none, or one is not known."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None
