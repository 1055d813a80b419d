"""What a run's trials leave to draw a month from: warm requests and cold starts, trial by trial; nothing is fitted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.stats import Floats
from harness.analysis.summary import Row
from harness.analysis.trial_rows import NS_PER_S, Mask, TrialRows, place_of, read_rows
from harness.cost.platforms.aws_lambda import cut_off_ns
from harness.cost.usage import Requests, init_of
from harness.record.folder import RunFolder
from harness.record.nouns import Outcome, StartClass, TrialRecord
from harness.record.phases import BEFORE, BOOT, FIRST_INFERENCE

NOT_SERVED = (Outcome.THROTTLED, Outcome.SHED, Outcome.UNFINISHED)
"""Nobody knows what such a request would have taken."""
MS_PER_S = 1000
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Bag:
    """Columns of samples, an entry per request, with the place where each trial's begin."""

    rounds: tuple[int, ...]
    """Of each trial, ascending."""
    begins: Places
    """Of each trial; one more at the end."""
    columns: dict[str, Floats]

    @classmethod
    def of(cls, trials: Iterable[tuple[int, dict[str, Floats]]]) -> "Bag":
        """From each trial's round and columns; trials without an entry are left out."""
        kept = sorted(((number, own) for number, own in trials if len(next(iter(own.values())))), key=lambda t: t[0])
        names = kept[0][1] if kept else {}
        sizes = [len(next(iter(own.values()))) for _, own in kept]
        return cls(
            rounds=tuple(number for number, _ in kept),
            begins=np.concatenate([[0], np.cumsum(sizes, dtype=np.intp)]).astype(np.intp),
            columns={name: np.concatenate([own[name] for _, own in kept]) for name in names},
        )

    def __len__(self) -> int:
        return int(self.begins[-1])

    def __getitem__(self, name: str) -> Floats:
        return self.columns[name]

    def per_trial(self, name: str) -> list[Floats]:
        """A column, trial by trial."""
        return [self.columns[name][a:b] for a, b in zip(self.begins, self.begins[1:], strict=False)]

    def draw(self, n: int, rounds: Sequence[int], stream: np.random.Generator) -> Places:
        """Places of `n` requests: each of a trial of these rounds, which may repeat, then of any request of it.

        A side that has no trial in any of the rounds draws from all that it has.
        """
        trials = np.array([place for number in rounds for place in self._trials_of(number)], np.intp)
        if not len(trials):
            trials = np.arange(len(self.rounds))
        chosen = trials[stream.integers(len(trials), size=n)]
        first, last = self.begins[chosen], self.begins[chosen + 1]
        return (first + np.floor(stream.random(n) * (last - first))).astype(np.intp)

    def _trials_of(self, number: int) -> list[int]:
        return [place for place, own in enumerate(self.rounds) if own == number]


def read_warm(run: RunFolder, records: Iterable[TrialRecord]) -> tuple[Bag, dict[str, int]]:
    """Warm requests under traffic, and how many of them had which payload. RecordError where a trial is not readable.

    Columns: `held_s`, how long a slot was taken; `beside_s`, the rest of the way there and back; `billed_s`; `good`, 1
    or 0; `died`, 1 where the unit is taken to have been lost, as `warm_columns` says. Of an edge before a core `held_s`
    is of the core's slot, 0 where it was not asked, and `core_queue_s` how long it waited for one.
    """
    trials, payloads = [], dict[str, int]()
    for record in records:
        rows = read_rows(run, record, samples=False)
        use = warm(rows)
        trials.append((record.round, warm_columns(record, rows, use)))
        names = run.requests(record, ["payload"])["payload"].to_pylist()
        for name in (names[place] for place in np.flatnonzero(use & rows.good)):
            payloads[str(name)] = payloads.get(str(name), 0) + 1
    return Bag.of(trials), payloads


def warm(rows: TrialRows) -> Mask:
    """Requests that met no start, as far as their end is known; failed ones among them."""
    ended = ~np.isnan(rows.sent_ns) & ~np.isnan(rows.done_ns) & (rows.done_ns > rows.sent_ns)
    served = ~np.isin(rows.outcomes, [place_of(outcome) for outcome in NOT_SERVED])
    unmet = np.equal(rows.starts, place_of(StartClass.WARM))
    return ended & served & (unmet | ~rows.good) & ~rows.met_start


def warm_columns(record: TrialRecord, rows: TrialRows, use: Mask) -> dict[str, Floats]:
    """Of the rows in use. A function's unit is held from sent to done; a service's slot while the handler works.

    Which bad answers lost their unit is not recorded: as many as met a reset, and of these the first, are taken for it.
    """
    whole_ns = (rows.done_ns - rows.sent_ns)[use]
    queue_ns, handler_ns = np.nan_to_num(rows.queue_ns[use]), rows.handler_ns[use]
    served_ns = np.maximum(1.0, whole_ns - queue_ns)
    held_ns = np.where(np.isnan(handler_ns), served_ns, np.minimum(handler_ns, served_ns))
    resets = int(np.sum(np.equal(rows.starts, place_of(StartClass.RESET))))
    bad = ~rows.good[use]
    died = bad & (np.cumsum(bad) <= resets)
    further = {name: figures[use] for own in rows.parts_ns.values() for name, figures in own.items()}
    core = {"core_queue_s": np.nan_to_num(further["queue"]) / NS_PER_S} if further else {}
    held_ns = np.nan_to_num(further["handler"]) if further else np.maximum(1.0, held_ns)
    return core | {
        "whole_s": served_ns / NS_PER_S,
        "held_s": held_ns / NS_PER_S,
        "beside_s": (served_ns - held_ns).clip(0.0) / NS_PER_S,
        "billed_s": billed_s(record, rows)[use],
        "good": (~bad).astype(float),
        "died": died.astype(float),
    }


def read_cold(run: RunFolder, records: Iterable[TrialRecord]) -> Bag:
    """Forced cold starts that were proven and answered well. RecordError where a trial is not readable.

    Columns: `whole_s`, from the request, or from the moment at which a replica was asked for, to the answer;
    `waiting_s`, until the unit began to initialise; `starting_s`, the rest but the request itself; `billed_s`.
    """
    return Bag.of((record.round, cold_columns(record, read_rows(run, record, samples=False))) for record in records)


def cold_columns(record: TrialRecord, rows: TrialRows) -> dict[str, Floats]:
    """Of the proven and good ones; a part that no stamp tells is in `starting_s`."""
    use = rows.good & rows.is_cold(forced=True)
    among = use[rows.met_start]
    parts = {name: np.nan_to_num(values[among]) for name, values in rows.phases_ns.items()}
    whole_ns, none = (rows.done_ns - rows.scheduled_ns)[use], np.zeros(int(use.sum()))
    waiting_ns = np.minimum(whole_ns, sum((parts.get(name, none) for name in BEFORE if name != BOOT), none))
    asked_ns = np.minimum(whole_ns - waiting_ns, parts.get(FIRST_INFERENCE, none))
    return {
        "whole_s": whole_ns / NS_PER_S,
        "waiting_s": waiting_ns / NS_PER_S,
        "starting_s": (whole_ns - waiting_ns - asked_ns) / NS_PER_S,
        "billed_s": billed_s(record, rows)[use],
    }


def billed_s(record: TrialRecord, rows: TrialRows) -> Floats:
    """What each request is billed for: what the platform says, else its handler and, where it met a start, the
    initialisation, up to whole milliseconds. Creating a unit is not billed."""
    told_ns = rows.seldom.get("billed_ns", np.full(len(rows), np.nan))
    duration_ns = np.where(np.isnan(rows.handler_ns), np.nan_to_num(rows.done_ns - rows.sent_ns), rows.handler_ns)
    init_ns, _ = init_of(rows)
    requests = Requests(record, rows.good, rows.starts, duration_ns, init_ns, told_ns)
    reckoned_ms = np.ceil(np.round((init_ns + cut_off_ns(requests) + duration_ns) * MS_PER_S / NS_PER_S, 6))
    return np.where(np.isnan(told_ns), reckoned_ms / MS_PER_S, told_ns / NS_PER_S)


def records_of(rows: Iterable[Row]) -> list[TrialRecord]:
    """The trials that the rows' figures are of."""
    return [record for row in rows for record in row.entered]
