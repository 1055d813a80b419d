import hashlib
import html.parser
import re

import numpy as np
import pytest
import yaml

from harness.errors import UsageError
from harness.experiment.question import parse_experiment, read_experiment
from harness.record.estimate import Estimate
from harness.record.folder import RunFolder
from harness.record.forecast import write_forecast
from harness.record.nouns import FORCED_COLD
from harness.record.shelf import find_run
from harness.report.content import content_of
from harness.report.html import TEMPLATES, as_html
from harness.report.markdown import as_markdown, fence
from harness.report.material import gather
from harness.report.page import write_report
from harness.report.sections.repeat import repeat
from harness.report.sections.starts import charts_of
from tests import forecasts
from tests.synthetic import PHASES, make_run, manifest, requests, samples, target_facts, traffic, trial

ANCHORS = [
    *("answer", "numbers", "ratios", "latencies", "starts", "mix", "units", "memory", "month", "break-even"),
    *("scorecard", "order", "figures", "doubts", "repeat"),
]
SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(1)>'
ESCAPES = "**bold** [link](x) `code` \x1b[31mred\x1b[0m \u202egnirts $x^2$ <b>&amp;"


DAY = [1000.0 + 900.0 * (8 < hour % 24 < 20) for hour in range(167)]
HOURS = {
    "arrivals": [*DAY, None],
    "cold_starts": [*(n / 100 for n in DAY), None],
    "units": [*(n / 500 for n in DAY), None],
}
"""Busy by day; no day of the forecast has the last hour."""


def arrivals(name="steady", **changes):
    """The traffic of a forecast."""
    parameters = {"rate": 1.0, "seconds": 2_592_000}
    given = {"name": name, "source": "profile", "parameters": parameters, "mean_rps": 1.0, "days": 30, "seed": 1}
    return given | {"simulated_days": 7} | changes


class Elements(html.parser.HTMLParser):
    """Names, attributes and text of a page as a browser would find them."""

    def __init__(self, text):
        super().__init__()
        self.names, self.attributes, self.ids, self.data = set(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_data(self, data):
        self.data.append(data)

    @property
    def text(self):
        return " ".join("".join(self.data).split())


def read(results, run="latest", form="html"):
    return write_report(results, run, None, form).read_text()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    experiment = read_experiment("quickstart").model_dump(mode="json")
    run = make_run(folder, rounds=10, profiles=("cold", "steady", "bursty"), experiment=experiment)
    names = ("steady", "bursty", "week.jsonl")
    rows = [forecasts.row(kind, profile=name, hours=HOURS) for name in names for kind in ("function", "service")]
    write_forecast(run, forecasts.forecast(run, rows, traffic=[arrivals(name) for name in names]))
    return folder


@pytest.fixture(scope="module")
def text(results):
    return read(results)


@pytest.fixture(scope="module")
def page(text):
    return Elements(text)


def test_the_same_run_makes_the_same_bytes_and_few_of_them(results, text):
    assert read(results) == text
    assert len(text.encode()) < 500_000


def test_nothing_is_fetched_and_nothing_runs(text, page):
    assert "://" not in text
    assert not page.names & {"script", "iframe", "object", "embed", "img", "image", "foreignobject", "base", "form"}
    links = [value for name, value in page.attributes if name in ("href", "src", "xlink:href")]
    assert {value[0] for value in links} == {"#", "d"}
    assert [value for value in links if value[0] == "d"] == ["data:,"]
    assert re.findall(r"url\((?!#)|@import", text) == []
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'; img-src data:") in page.attributes
    assert [name for name, _ in page.attributes if name.startswith("on")] == []


def test_every_part_is_there_and_every_reference_leads_somewhere(page):
    assert [name for name in page.ids if name in ANCHORS] == ANCHORS
    assert len(page.ids) == len(set(page.ids))
    inner = {value[1:] for name, value in page.attributes if name == "href" and value.startswith("#")}
    patterns = set(re.findall(r"url\(#([^)]+)\)", (TEMPLATES / "chart.css").read_text()))
    assert inner | patterns <= set(page.ids)
    assert patterns


def test_the_recommendation_stands_before_money_and_verdicts(results, text):
    chips = re.findall(r'class="chip ([a-z]+)"', text)
    assert chips[0] == "recommendation" and len(set(chips)) > 1
    written = as_markdown(content_of(find_run(results, "latest")))
    places = [written.index(words) for words in ("**Recommendation: ", "Money:", "Function beside service:")]
    assert places == sorted(places)


def test_what_comes_of_sizes_stands_before_the_answers(results):
    content = content_of(find_run(results, "latest"))
    assert content.sizes == [], "no size varies"
    content.sizes.append("the cheapest size of <echo> is 512 MB")
    page, text = as_html(content), as_markdown(content)
    assert page.index("<strong>the cheapest size of &lt;echo&gt;") < page.index('<span class="chip recommendation">')
    assert text.index("**the cheapest size of") < text.index("**Recommendation: ")


def test_other_settings_have_their_price_beside_them(results):
    (month,) = [part for part in content_of(find_run(results, "latest")).parts if part.anchor == "month"]
    others = [table for table in month.tables if table.title.endswith("what if")]
    assert others
    for table in others:
        (usd,) = [column for column in table.columns if column.head == "USD a month"]
        assert not all(cell.empty for cell in usd.cells)


def test_headline_numbers_carry_their_n(page):
    assert "n = 40 cold starts, 10 rounds" in page.text
    assert "n = 4,000 requests, 10 rounds" in page.text
    assert "n = 10 trials, 10 rounds" in page.text
    assert "forecast, n = 40 resamples" in page.text and "capacity step" not in page.text


def test_no_column_of_money_is_all_dashes_and_n_says_what_it_counts(results):
    (money,) = [part for part in content_of(find_run(results, "latest")).parts if part.anchor == "break-even"]
    tables = [table for table in money.tables if table.about.startswith("per month")]
    assert tables and all("n counts resamples (docker-" in table.about for table in tables)
    assert all(not all(cell.empty for cell in column.cells) for table in tables for column in table.columns)


def test_forced_starts_have_an_axis_that_starts_under_traffic_do_not_stretch(results):
    run = find_run(results, "latest")
    material = gather(run)
    phases = {"create": 10.0, "boot": 20.0}
    for row in material.summary.rows:
        row.cold_phases_ms = phases if row.profile == FORCED_COLD else {name: 100 * ms for name, ms in phases.items()}
        row.cold_p50_ms = Estimate(None)
    most = {chart.title: chart.draw.keywords["most_ms"] for chart in charts_of(material)}
    assert {ms for name, ms in most.items() if "forced" in name} == {30.0}
    assert {ms for name, ms in most.items() if "forced" not in name} == {3000.0}


def test_the_verdict_is_that_of_compare(page):
    assert "= SAME" in page.text
    assert "docker-lambda p95 is" in page.text


def test_three_rounds_are_a_quick_look_without_a_verdict(tmp_path):
    make_run(tmp_path, rounds=3, requests_per_trial=60, profiles=("steady",))
    text = Elements(read(tmp_path)).text
    assert "QUICK LOOK, NO VERDICT" in text
    assert "SAME" not in text.split("What could be wrong")[0]


@pytest.mark.parametrize("form", ["html", "md"])
def test_a_run_of_cold_starts_only_says_what_it_lacks(tmp_path, form):
    make_run(tmp_path, rounds=2, profiles=("cold",))
    text = read(tmp_path, form=form)
    assert "no valid trial under traffic" in text
    assert "forced cold starts" in text


@pytest.mark.parametrize("form", ["html", "md"])
def test_a_run_without_any_trial_says_so(tmp_path, form):
    RunFolder.create(tmp_path, manifest(trials=4))
    text = read(tmp_path, form=form)
    assert "No trial is stored, so nothing can be said yet" in text
    assert "unfinished: 0 of 4 planned trials" in Elements(text).text


def test_a_run_of_invalid_trials_only_shows_why_and_no_figure(tmp_path):
    run = RunFolder.create(tmp_path, manifest(trials=1))
    run.save_trial(trial(requests([20.0] * 30), problems=["lag p99 of 40 ms"]), requests([20.0] * 30), samples())
    page = Elements(read(tmp_path))
    assert "INVALID" in page.text
    assert "lag p99 of 40 ms" in page.text
    assert "no valid trial" in page.text
    assert "Not everything is valid." in page.text


def test_one_target_is_compared_with_nothing(tmp_path):
    run = RunFolder.create(tmp_path, manifest(trials=1))
    table = requests([20.0] * 30)
    run.save_trial(trial(table), table, samples())
    text = Elements(read(tmp_path)).text
    assert "the run has no service with a stored trial: nothing to set beside each other" in text


def test_a_run_that_cannot_be_costed_says_why_in_two_places(tmp_path):
    make_run(tmp_path, rounds=2, experiment={"name": "x", "priced_as": {"region": "moon-1"}})
    before, after = (Elements(part).text for part in read(tmp_path).split('id="doubts"'))
    assert "no cost:" in before
    assert "moon-1" in before
    assert "moon-1" in after


def hostile_run(folder):
    """A run in which whatever can be a text is an attack."""
    name = f"{SCRIPT}{ESCAPES}{IMAGE}"
    experiment = {"name": name, "question": IMAGE, "```\n<b>": "```"}
    targets = {name: target_facts(), "docker-lambda": target_facts("function", "aws_lambda", emulated=True)}
    packages = {f"{name}/x": {"image_id": IMAGE, "base": ESCAPES, "size_bytes": -1}}
    facts = {"machine": {"cpu": SCRIPT}, "software": {"commit": "$(reboot)", "python": IMAGE}}
    given = {"experiment": experiment, "targets": targets, "packages": packages, "facts": facts}
    run = RunFolder.create(folder, manifest(trials=9, rounds=2, notices=[IMAGE, ESCAPES], **given))
    rng = np.random.default_rng(1)
    for order, (target, profile) in enumerate((t, p) for t in targets for p in ("cold", "steady", SCRIPT)):
        table = traffic(rng, 30, 1.0 if profile == "cold" else 0.3, failed_share=0.2)
        case = {"memory_mb": 1769, "cpus": 1.0, SCRIPT: SCRIPT, IMAGE: ESCAPES}
        texts = {"problems": [IMAGE] if order == 5 else [], "warnings": [ESCAPES, SCRIPT]}
        key = {"target": target, "profile": profile, "workload": name, "case": case, "order": order}
        run.save_trial(trial(table, f"t{order}", **key, **texts), table, samples())
    write_forecast(run, hostile_forecast(run, name))
    return run


def hostile_forecast(run, name):
    """Every text of a forecast is an attack, a row's and a what-if's too."""
    case, parameters = {SCRIPT: SCRIPT, IMAGE: ESCAPES}, {SCRIPT: IMAGE, ESCAPES: 1.0}
    texts = {"rule": SCRIPT, "rule_source": IMAGE, "parameters": parameters, "case": case}
    what = forecasts.row()["what_ifs"][0] | {"name": IMAGE, "case": case, "parameters": parameters}
    given = texts | {"workload": name, "profile": SCRIPT, "target": name, "what_ifs": [what], "warnings": [ESCAPES]}
    unit = forecasts.row()["unit"] | {"from_profile": IMAGE, "payloads": {SCRIPT: 1}}
    given |= {"unit": unit, "latency_p99_ms": forecasts.figure(None, why=SCRIPT)}
    traffic = arrivals(SCRIPT, source="trace", sha256="a" * 64, parameters={IMAGE: SCRIPT}, notes=[ESCAPES, IMAGE])
    told = {"withheld": [IMAGE], "notices": [ESCAPES], "made_at": SCRIPT}
    return forecasts.forecast(run, [forecasts.row(**given)], traffic=[traffic], **told)


def test_a_hostile_run_is_shown_and_never_rendered(tmp_path):
    hostile_run(tmp_path)
    text = read(tmp_path)
    page = Elements(text)
    assert not page.names & {"script", "img", "b"}
    assert SCRIPT in page.text
    assert IMAGE in page.text
    assert "\\x1b[31mred" in page.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)
    assert "git checkout" not in page.text
    assert "frostline run experiment.yaml" in page.text


def test_a_hostile_run_is_inert_markdown(tmp_path):
    text = as_markdown(content_of(hostile_run(tmp_path)))
    outside = re.sub(r"(?ms)^(`{3,})\w*\n.*?^\1$", "", text)
    assert "<script" not in re.sub(r"\\<", "", outside)
    assert "<img" not in re.sub(r"\\<", "", outside)
    assert "\x1b" not in text
    assert "](x)" not in outside.replace("\\]", "")
    assert "**bold**" not in outside.replace("\\*", "")


@pytest.mark.parametrize("form", ["html", "md"])
def test_the_month_is_called_a_forecast_and_every_side_says_what_it_rests_on(results, form):
    part = read(results, form=form).split('id="month"' if form == "html" else "## The month (forecast)")[1]
    told = Elements(part.replace("\\", "")).text.split("Costs and break-even")[0]
    for text in ("Forecast, not measured", "lambda-pool: keep_alive_s 300", "AWS documentation, read 2026-11-26"):
        assert text in told
    for text in ("provisioned=2", "docker-lambda", "week.jsonl", "6,000,000 requests were simulated, seed 1"):
        assert text in told
    run = next((results / "runs").iterdir())
    assert hashlib.sha256((run / "trials.jsonl").read_bytes()).hexdigest() in told


def test_the_month_has_a_chart_of_the_week_and_one_of_latency_for_each_traffic(page):
    labels = [value for name, value in page.attributes if name == "aria-label" and "forecast" in value]
    for name in ("steady", "bursty", "week.jsonl"):
        assert sum(name in label and "by the hour" in label for label in labels) == 1
        assert sum(name in label and "p95 40.0 ms" in label for label in labels) == 1
    costs = page.text.split("The month (forecast)")[-1].split("Costs and break-even")[0]
    assert [costs.count(f"{name}, forecast · cost") for name in ("steady", "bursty", "week.jsonl")] == [1, 1, 1]


@pytest.mark.parametrize("form", ["html", "md"])
def test_a_run_without_a_forecast_says_how_to_make_one(tmp_path, form):
    run = make_run(tmp_path, rounds=1, profiles=("cold",))
    assert f"frostline forecast {run.manifest.run}" in read(tmp_path, form=form).replace("\\", "")
    (run.path / "forecast.json").write_text("{}")
    told = Elements(read(tmp_path, form=form).replace("\\", "")).text
    assert "forecast.json is left out" in told.split("What could be wrong")[-1]


def test_a_month_that_nobody_could_forecast_says_why(tmp_path):
    run = make_run(tmp_path, rounds=1, profiles=("steady",))
    told = {"withheld": ["docker-lambda: no forced cold start was measured"], "traffic": [arrivals()]}
    write_forecast(run, forecasts.forecast(run, [], **told))
    assert "docker-lambda: no forced cold start was measured" in Elements(read(tmp_path)).text


def test_a_fence_is_longer_than_any_in_the_text():
    assert fence("a\n````\nb", "yaml").startswith("`````yaml\n")


def test_a_font_without_a_letter_is_no_matter(tmp_path):
    run = RunFolder.create(tmp_path, manifest(trials=1))
    table = requests([20.0] * 30)
    run.save_trial(trial(table, workload="文書分類 \U0001f9ca"), table, samples())
    assert "文書分類 \U0001f9ca" in read(tmp_path)


def test_what_a_unit_had_of_disk_and_of_shared_memory_is_told_by_target(tmp_path):
    run = RunFolder.create(tmp_path, manifest(trials=1))
    table = requests([20.0] * 30)
    told = {"tmp": "on disk", "shared_memory": "none", "unlike_lambda": ["<b>one</b>", "two"], "limits": {"cpus": 1}}
    run.save_trial(trial(table, deployment=told), table, samples())
    (limits,) = [table for table in repeat(RunFolder.open(run.path)).tables if table.title == "Limits"]
    rows = {name.main: what.main for name, what in zip(*(column.cells for column in limits.columns), strict=True)}
    assert rows == {
        "docker-lambda: shared memory": "none",
        "docker-lambda: tmp": "on disk",
        "docker-lambda: unlike lambda": "<b>one</b>; two",
    }
    assert "<b>one</b>" not in read(tmp_path)


def test_the_stored_experiment_runs_again_as_the_same_one(results):
    text = repeat(RunFolder.open(next((results / "runs").iterdir()))).yaml
    again = parse_experiment(yaml.safe_load(text), "stored")
    assert again.sha256() == read_experiment("quickstart").sha256()


def test_a_file_that_may_not_be_written_is_refused_and_nothing_is_overwritten(results, tmp_path):
    run = next((results / "runs").iterdir())
    before = (run / "manifest.json").read_bytes()
    for output, why in (
        (run / "manifest.json", "lies in the run folder"),
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "x.html", "there is no folder"),
    ):
        with pytest.raises(UsageError, match=why):
            write_report(results, "latest", output, "html")
    assert (run / "manifest.json").read_bytes() == before


def test_another_file_can_be_named(tmp_path):
    make_run(tmp_path, rounds=1, profiles=("cold",))
    assert write_report(tmp_path, "latest", tmp_path / "x.md", "md") == tmp_path / "x.md"
    assert (tmp_path / "x.md").read_text() == read(tmp_path, form="md")


def test_markdown_has_every_part_and_its_tables(results):
    text = read(results, form="md")
    titles = re.findall(r"(?m)^## (.*)$", text)
    assert titles[-2:] == ["What could be wrong", "How to repeat it"]
    kinds = re.findall(r"(?m)^\*\*(.*?)\*\*", text.split("## What could be wrong")[1].split("\n## ")[0])
    assert kinds == [
        "Problems",
        "Notices of the run",
        "What stands in for something else",
        "Notes on all rows",
        "Notes on some rows (numbers in the table of all figures)",
        "Comparison",
        "Figures withheld or without an end",
        "Money",
        "Scorecard",
        "Facts that differ or are not known",
        "Load generator",
        "Not in this run",
    ]
    assert "| Warm latency, p95, ms | steady | docker\\-lambda |".replace("\\-", "-") in text
    assert "n = 40 cold starts, 10 rounds" in text
    assert all(phase.replace("_", " ") in text for phase in PHASES)
