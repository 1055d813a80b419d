"""`frostline try`, from the order to the exit code."""

from pathlib import Path

from rich.console import Console

from harness.commands.tryout.first import First, experiment_text
from harness.commands.tryout.order import TryOrder
from harness.commands.tryout.screen import lines_of, wrong
from harness.commands.tryout.trying import Say, Tried, carry_out
from harness.errors import UsageError
from harness.files.text import harmless
from harness.interruption import interruptible
from harness.measure.alone import alone


def run_try(order: TryOrder, save: Path | None, console: Console, wait: bool) -> int:
    """Try, tell, write the experiment. Returns 1 when the start failed or an answer is not right, else 0."""

    def say(line: str) -> None:
        console.print(harmless(line), markup=False, soft_wrap=True)

    experiment, trial = order.trial()
    if save is not None and save.exists():
        raise UsageError([f"--save: {save} is there already: name another file"])
    with interruptible(), alone(tell=say if wait else None):
        tried = carry_out(experiment, trial, say)
    for line in lines_of(tried):
        say(line)
    problems = wrong(tried)
    for line in problems:
        say(line)
    _offer(order, tried, save, say)
    return 1 if problems else 0


def _offer(order: TryOrder, tried: Tried, save: Path | None, say: Say) -> None:
    first = First.of(tried)
    if first is None:
        return
    say("")
    say("To begin with:")
    for line in first.formulas():
        say(f"  {line}")
    place = save or Path(f"{tried.visit.workload.name}.yaml")
    text = experiment_text(tried, first, order.choice(), place.stem)
    if save is None:
        say(f"as an experiment (--save {place} writes it), then `frostline run {place}`:")
        for line in text.splitlines():
            say(f"  {line}")
        return
    save.write_text(text, encoding="utf-8")
    say(f"written: {save}; then `frostline run {save}`")
