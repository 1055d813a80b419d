"""Before a run costs money: what will be made, what it will cost, what it may cost; and whether that is wanted."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import targets
from harness.cost.book import PriceBook, book_for
from harness.cost.metered import price
from harness.errors import UsageError
from harness.experiment.question import MOST_BUDGET_USD, Experiment, parse_experiment
from harness.files.problems import not_one_of
from harness.measure.fitting import RunnableExperiment
from harness.measure.outlook import ASSUMED_REQUEST_S, Outlook, Packages, outlooks
from harness.measure.purse import Purse
from harness.record.figures import figure, plural
from harness.record.metered import Metered, MeteredLine
from targets.contract import Kind

CENT = 0.01
NOBODY = (
    "run: this costs money, and nobody is there to be asked: give --yes or use a terminal; for a schedule, state "
    "budget_usd in the experiment"
)


@dataclass(frozen=True)
class Consenting:
    """Shows the plan, and asks a person unless that was done before. `budget_usd` counts before that with which a run
    that is taken up again began, and this before the experiment's."""

    say: Callable[[str], None]
    yes: bool = False
    budget_usd: float | None = None

    def __call__(self, runnable: RunnableExperiment, packages: Packages, earlier: Metered | None = None) -> Purse:
        """The purse for a run, in which `earlier` is spent. UsageError where it is not wanted, or costs more than it
        may."""
        began_with = earlier.budget_usd if earlier else None
        stated = (self.budget_usd, began_with, runnable.experiment.budget_usd)
        stated_usd = next((usd for usd in stated if usd is not None), None)
        if stated_usd is not None and not 0 <= stated_usd <= MOST_BUDGET_USD:
            raise UsageError([f"budget_usd: {stated_usd:g} is not accepted: give 0 to {MOST_BUDGET_USD:,} USD"])
        book = _book(runnable.experiment)
        plans = list(outlooks(runnable, packages))
        most_usd = _usd([line for plan in plans for line in plan.most_lines], book)
        expected_usd = _usd([line for plan in plans for line in plan.expected_lines], book)
        for line in _told(runnable, plans, book, expected_usd, most_usd):
            self.say(line)
        _check_budget(stated_usd, expected_usd)
        budget_usd = max(CENT, most_usd) if stated_usd is None else stated_usd
        if budget_usd > MOST_BUDGET_USD:
            raise UsageError([f"budget_usd: the plan can cost {budget_usd:,.0f} USD at most: state what it may cost"])
        whose = "as stated" if stated_usd is not None else "the most that it can cost, as no budget_usd is stated"
        self.say(
            f"Budget: {budget_usd:.2f} USD ({whose}). The run ends when it has spent that by our own metering, and all "
            "of the above is removed, however it ends."
        )
        if not self.yes:
            _ask()
        purse = Purse(lambda lines: _usd(lines, book), budget_usd)
        purse.carry_on(earlier.lines if earlier else [])
        return purse


def _check_budget(stated_usd: float | None, expected_usd: float) -> None:
    """UsageError where it would end the run before it is through."""
    if stated_usd is not None and stated_usd < expected_usd:
        raise UsageError(
            [
                f"budget_usd: {stated_usd:g} is less than the plan is expected to cost, {expected_usd:.4f}: raise it, "
                "or measure less (rounds, cold_starts, profiles)"
            ]
        )


def on_platform(experiment: Experiment, name: str) -> Experiment:
    """The same experiment with the platform's targets in place of its own. UsageError where one has no counterpart."""
    if name not in (known := targets.platform_names()):
        raise UsageError([f"--on: {not_one_of(name, known)}"])
    stand_ins = targets.platform(name).stand_ins
    problems, chosen = [], []
    for own in experiment.targets:
        found = own if targets.platform_of(own) == name else _stand_in(own, stand_ins)
        if found is None:
            problems.append(f"--on {name}: {own} has no counterpart there: leave it out of targets")
        elif found not in chosen:
            chosen.append(found)
    if problems:
        raise UsageError(problems)
    fields = experiment.model_dump(mode="json", exclude={"targets", "without_engine"})
    return parse_experiment({**fields, "targets": chosen}, f"--on {name}")


def _stand_in(own: str, stand_ins: Mapping[Kind, str]) -> str | None:
    """Of a target with one part that is answered by its reply."""
    target = targets.target(own)
    if len(target.parts) != 1 or target.capabilities.asynchronous:
        return None
    return stand_ins.get(target.parts[0].kind)


def _told(
    runnable: RunnableExperiment, plans: Sequence[Outlook], book: PriceBook, expected_usd: float, most_usd: float
) -> list[str]:
    """The plan, a line each."""
    names = targets.platforms_of(plan.target for plan in plans)
    lines = [f"Made on {name} ({targets.platform(name).where()}), and removed at the end:" for name in names]
    if any(book.region not in targets.platform(name).where() for name in names):
        lines.append(
            f"Prices are those of {book.region}, and it is made elsewhere: what is really asked there differs, and the "
            "budget is kept in these; state priced_as.region, with a book of that region"
        )
    for plan in plans:
        lines.append(f"  {plan.target}, {plan.workload}:")
        lines += [f"    {resource}" for resource in plan.resources]
        starts = f", {plan.expected.starts} of them forced starts" if plan.expected.starts else ""
        used = "; ".join(_quantities(plan.expected_lines))
        lines.append(f"    expected: {plural(plan.expected.requests, 'request')}{starts}; {used}")
    objective = runnable.experiment.objective
    each = f"{figure(objective.latency_ms)} ms, the objective" if objective else f"{ASSUMED_REQUEST_S:g} s"
    emulated = all(targets.target(plan.target).capabilities.emulated for plan in plans)
    nothing = " Nothing is really billed: it is emulated, and these are AWS's prices." if emulated else ""
    lines.append(
        f"Expected cost: {expected_usd:.4f} USD, if each request takes {each}; nobody has measured that. At most: "
        f"{most_usd:.2f} USD, if every trial is repeated and each request takes as long as it may.{nothing}"
    )
    return lines


def _quantities(lines: Sequence[MeteredLine]) -> list[str]:
    return [f"{figure(line.quantity)} {line.sku}" for line in lines if line.quantity]


def _book(experiment: Experiment) -> PriceBook:
    terms = experiment.priced_as
    if (book := book_for(terms.provider, terms.region)) is None:
        raise UsageError(
            [
                f"priced_as: there is no price book of {terms.provider} {terms.region}, so no budget can be kept: "
                "state a region that has one (`frostline prices`)"
            ]
        )
    return book


def _usd(lines: Sequence[MeteredLine], book: PriceBook) -> float:
    """UsageError with all that has no price."""
    bill = price(lines, book)
    if lacking := sorted({cost.SkuId for cost in bill.costs if cost.ListCost is None}):
        where = f"no price in {book.provider} {book.region}, so no budget can be kept"
        fix = "make a book with `frostline prices refresh`, or state a priced_as.region whose book has it"
        raise UsageError([f"budget_usd: {sku} has {where}: {fix}" for sku in lacking])
    return float(bill.total or 0)


def _ask() -> None:
    """UsageError unless a person says yes."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError([NOBODY])
    print("Go on? [y/N] ", end="", flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError(["run: not wanted: nothing was made"])
