"""The tables of a forecast: figures of each side, what can be billed, other settings, and what it all rests on."""

from collections.abc import Iterator, Sequence

from harness.files.text import harmless
from harness.record.figures import Cell, cell, decimals, figure, percent, plural
from harness.record.forecast import AS_IT_IS, Figure, Forecast, ForecastRow, Traffic, WhatIf
from harness.record.stated import SECONDS_PER_MONTH
from harness.report.blocks import Column, Table, drop_empty
from harness.report.cases import labels


def groups_of(forecast: Forecast) -> Iterator[tuple[Traffic, list[ForecastRow]]]:
    """The sides of each workload under each traffic, which met the same arrivals."""
    traffic = {each.name: each for each in forecast.traffic}
    for workload, name in dict.fromkeys((row.workload, row.profile) for row in forecast.rows):
        if name in traffic:
            yield traffic[name], [r for r in forecast.rows if (r.workload, r.profile) == (workload, name)]


def name_of(rows: Sequence[ForecastRow]) -> str:
    """Workload and traffic."""
    return harmless(f"{rows[0].workload} · {rows[0].profile}")


def about_traffic(traffic: Traffic) -> str:
    """The mean rate, by the second and by the month."""
    month = traffic.mean_rps * SECONDS_PER_MONTH
    kind = "trace" if traffic.source == "trace" else "profile"
    rate = f"{figure(traffic.mean_rps)} requests/s, {month:,.0f} a month"
    return f"forecast of {traffic.days:g} days of the {kind} at {rate}{short_of(traffic)}"


def short_of(traffic: Traffic) -> str:
    """That a month is made of less than a day, of which everything that is said of it is a repetition."""
    recorded_s = traffic.parameters.get("recorded_s")
    if not isinstance(recorded_s, int | float):
        return ""
    length = f"{recorded_s / 60:.3g} minutes" if recorded_s >= 60 else f"{recorded_s:.3g} seconds"
    return f", from {length} of recording, repeated"


def tables_of(traffic: Traffic, rows: list[ForecastRow]) -> Iterator[Table]:
    """The figures of each side, what can be billed, and what other settings would give."""
    target = Column("target", 0, [Cell(name) for name in labels(rows)])
    figures = [
        Column("cold %", 0, [share(row.cold_share) for row in rows]),
        Column("cold starts a day", 0, [number(row.cold_starts_per_day) for row in rows]),
        Column("p50 ms", 0, [number(row.latency_p50_ms) for row in rows]),
        Column("p95 ms", 0, [number(row.latency_p95_ms) for row in rows]),
        Column("p99 ms", 0, [number(row.latency_p99_ms) for row in rows]),
        Column("queue p95 ms", 1, [number(row.queue_p95_ms) for row in rows]),
        Column("late %", 0, [share(row.late_share) for row in rows]),
        Column("throttled %", 3, [share(row.throttled_share) for row in rows]),
        Column("failed %", 3, [share(row.failed_share) for row in rows]),
        Column("units, mean", 0, [number(row.units_mean) for row in rows]),
        Column("units, most", 0, [whole(row.units_peak) for row in rows]),
        Column("n resamples", 2, [Cell(f"{row.latency_p95_ms.n:,}") for row in rows]),
    ]
    reasons = [harmless(text) for row in rows for text in withheld(row)]
    yield Table(name_of(rows), about_traffic(traffic), [target, *drop_empty(figures)], reasons)
    billed = [
        Column("requests", 0, [Cell(f"{row.quantities.arrivals:,.0f}") for row in rows]),
        Column("good answers", 0, [amount(row.quantities.good) for row in rows]),
        Column("billed s", 0, [amount(row.quantities.billed_s) for row in rows]),
        Column("of these on demand s", 0, [amount(row.quantities.overflow_s) for row in rows]),
        Column("replica hours", 0, [number(row.quantities.unit_hours) for row in rows]),
        Column("busy hours", 0, [number(row.quantities.busy_hours) for row in rows]),
    ]
    yield Table(f"{name_of(rows)}: what can be billed", "a month of 730 hours", [target, *drop_empty(billed)])
    if any(row.what_ifs for row in rows):
        yield what_ifs(rows)


def what_ifs(rows: list[ForecastRow]) -> Table:
    """The same month under one setting that is another, below the side as it is."""
    lines: list[tuple[str, str, ForecastRow | WhatIf]] = []
    for name, row in zip(labels(rows), rows, strict=True):
        stored = any(what.name == AS_IT_IS for what in row.what_ifs)  # not before, when it was the row itself
        lines += [] if stored else [(name, AS_IT_IS, row)]
        lines += [(name, harmless(what.name), what) for what in row.what_ifs]
    columns = [
        Column("target", 0, [Cell(name, what) for name, what, _ in lines]),
        Column("cold %", 0, [share(line.cold_share) for _, _, line in lines]),
        Column("p95 ms", 0, [number(line.latency_p95_ms) for _, _, line in lines]),
        Column("late %", 0, [share(line.late_share) for _, _, line in lines]),
        Column("n resamples", 0, [Cell(f"{line.quantities.good.n:,}") for _, _, line in lines]),
        Column("billed s", 0, [amount(line.quantities.billed_s) for _, _, line in lines]),
        Column("replica hours", 0, [number(line.quantities.unit_hours) for _, _, line in lines]),
    ]
    return Table(f"{name_of(rows)}: what if", "the same month under one other setting", drop_empty(columns))


def number(value: Figure | None) -> Cell:
    """A figure with its interval; what is the same in every resample has none."""
    return spread(value, cell(value.estimate)) if value else cell(None)


def whole(value: Figure) -> Cell:
    """A count with its interval."""
    if value.value is None:
        return number(value)
    main, *ends = (f"{x:,.0f}" for x in (value.value, value.low, value.high) if x is not None)
    return spread(value, Cell(main, "–".join(ends)))  # noqa: RUF001


def share(value: Figure | None) -> Cell:
    """A share in percent, with its interval."""
    return spread(value, percent(value.estimate)) if value else cell(None)


def amount(value: Figure | None) -> Cell:
    """A large number with its interval: three digits, thousands apart."""
    if value is None or value.value is None or value.value < 1000:
        return number(value)
    main, *ends = (
        f"{round(x, decimals(x)):,.0f}" if x else "0" for x in (value.value, value.low, value.high) if x is not None
    )
    return spread(value, Cell(main, "–".join(ends)))  # noqa: RUF001


def spread(value: Figure, told: Cell) -> Cell:
    """The figure alone where its interval has no width."""
    return Cell(told.main) if value.low == value.high else told


def withheld(row: ForecastRow) -> Iterator[str]:
    """Why figures of a side have no value."""
    for name, value in row:
        if isinstance(value, Figure) and value.value is None and value.why:
            yield f"{row.target}: {name.removesuffix('_ms').replace('_', ' ')}: {value.why}"


def sources(forecast: Forecast) -> Table:
    """By side the rule with its parameters and source, and what it draws from."""
    rows = forecast.rows
    columns = [
        Column("target", 0, [Cell(harmless(f"{row.workload}, {row.target}, {row.profile}")) for row in rows]),
        Column("rule", 0, [Cell(harmless(rule_of(row)), harmless(row.rule_source)) for row in rows]),
        Column("warm answers of", 0, [Cell(harmless(row.unit.from_profile)) for row in rows]),
        Column("n warm", 0, [Cell(f"{row.unit.warm:,}", plural(row.unit.trials, "trial")) for row in rows]),
        Column("n cold", 0, [Cell(f"{row.unit.cold:,}", plural(row.unit.cold_trials, "trial")) for row in rows]),
        Column("warm ms", 0, [number(row.unit.warm_ms) for row in rows]),
        Column("waiting ms", 0, [number(row.unit.waiting_ms) for row in rows]),
        Column("starting ms", 0, [number(row.unit.starting_ms) for row in rows]),
    ]
    return Table("What each side rests on", "medians of what is drawn from", columns)


def rule_of(row: ForecastRow) -> str:
    """A rule with its parameters, e.g. lambda-pool: concurrency_limit 10, keep_alive_s 300."""
    words = [f"{name} {setting(value)}" for name, value in sorted(row.parameters.items())]
    return f"{row.rule}: {', '.join(words)}" if words else row.rule


def setting(value: float | str | None) -> str:
    """A parameter's value."""
    return "none" if value is None else value if isinstance(value, str) else f"{value:,g}"


def citations(forecast: Forecast) -> Table:
    """Run and traces by their hashes, and when the forecast was made."""
    traces = [traffic for traffic in forecast.traffic if traffic.sha256]
    names = [f"run {forecast.run}, trials.jsonl", *(f"trace {traffic.name}" for traffic in traces), "made"]
    loop = "compiled" if forecast.compiled else "not compiled"
    values = [
        Cell(forecast.trials_sha256),
        *(Cell(traffic.sha256 or "") for traffic in traces),
        Cell(harmless(forecast.made_at), f"in {figure(forecast.took_s)} s, the loop {loop}"),
    ]
    columns = [Column("what", 0, [Cell(harmless(name)) for name in names]), Column("digest", 0, values)]
    return Table("What the forecast cites", "sha256", columns)
