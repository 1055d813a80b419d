"""What a run itself consumed of a cloud, metered.json in its folder: quantities by whose word, and no money.

Whoever prices them takes the price book of the run, or another.
"""

from typing import Annotated, Literal

from pydantic import Field, Strict

from harness.record.forms import Amount, Record, Sku, Text

METERED_SCHEMA: Literal["frostline/metered/1"] = "frostline/metered/1"
METERED_FILE = "metered.json"
Word = Literal["witnessed", "clock", "bound"]
"""Whose word a quantity is. witnessed: the platform's own, such as the billed ms of a REPORT line. clock: that of our
wall clock from start to end, such as a task's seconds. bound: nobody's, so the most that it can be is taken."""
Exactly = Annotated[Amount, Strict()]
"""A number, and no text or switch that could be read as one."""
Usd = Annotated[float, Field(ge=0, le=1e9), Strict()]


class MeteredLine(Record):
    """So much of what a price book calls `sku`, in its unit; minima that a platform bills are in it already."""

    workload: Text
    target: Text
    sku: Sku
    quantity: Exactly
    source: Word
    of: Text
    """What consumed it, e.g. function, task, load balancer, image, logs."""


class Metered(Record):
    """All that a run consumed until it last looked."""

    schema_: Literal["frostline/metered/1"] = Field(METERED_SCHEMA, alias="schema")
    budget_usd: Usd | None = None
    """What the run might spend at most; None where nobody set a limit."""
    spent_usd: Usd | None = None
    """What it had spent when it last looked, by the prices of that time; None where it never did."""
    lines: list[MeteredLine] = []
