"""The report in a real Chromium: nothing fetched, nothing complained of, readable narrow and wide, light and dark."""

import json

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from harness.record.folder import RunFolder
from harness.record.forecast import write_forecast
from harness.report.page import write_report
from tests.forecasts import figure, forecast, row
from tests.synthetic import make_run, manifest, samples, target_facts, traffic, trial

LONG = "A-name-of-a-target-that-is-much-longer-than-anybody-would-like-to-read-it-in-a-table-" + "x" * 100
WIDTHS = (400, 1400)
SCHEMES = ("light", "dark")

CONTRAST = """
const channel = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const parsed = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3]));
const ground = element => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) layers.push(parsed(getComputedStyle(at).backgroundColor));
  return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
};
const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
const probe = document.createElement('i');
probe.style.color = 'var(--band)';
document.body.append(probe);
const band = parsed(getComputedStyle(probe).color);
probe.remove();
const found = { checked: 0, svg: 0, weak: [] };
for (const element of document.querySelectorAll('body *')) {
  const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
  if (!own || !element.checkVisibility()) continue;
  const style = getComputedStyle(element), svg = element instanceof SVGElement;
  const grounds = svg ? [ground(element), band] : [ground(element)];
  const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
  const least = !svg && (size >= 24 || (size >= 18.66 && bold)) ? 3 : 4.5;
  for (const below of grounds) {
    const value = ratio(over(parsed(svg ? style.fill : style.color), below), below);
    if (value < least) found.weak.push(`${value.toFixed(2)} ${element.tagName} ${element.textContent.slice(0, 40)}`);
  }
  found.checked += 1;
  found.svg += svg;
}
return found;
"""

CHARTS = """
const found = { charts: 0, small: [], outside: [], overlapping: [] };
for (const chart of document.querySelectorAll('svg.chart')) {
  found.charts += 1;
  const frame = chart.closest('figure').getBoundingClientRect();
  const texts = [...chart.querySelectorAll('text')];
  const boxes = texts.map(text => text.getBoundingClientRect());
  texts.forEach((text, i) => {
    const size = parseFloat(getComputedStyle(text).fontSize) * chart.getScreenCTM().a, box = boxes[i];
    if (size < 10) found.small.push(`${size} ${text.textContent}`);
    if (box.left < frame.left - 4 || box.right > frame.right + 4) found.outside.push(text.textContent);
    for (let j = 0; j < i; j += 1) {
      const wide = Math.min(box.right, boxes[j].right) - Math.max(box.left, boxes[j].left);
      const high = Math.min(box.bottom, boxes[j].bottom) - Math.max(box.top, boxes[j].top);
      if (wide > 1 && high > box.height / 4) found.overlapping.push(`${text.textContent} / ${texts[j].textContent}`);
    }
  });
}
return found;
"""

HIDDEN = """
const shown = element => element.checkVisibility({ contentVisibilityAuto: true });
return [...document.querySelectorAll('main section, main figure, main table, main pre, main li, svg.chart')]
  .filter(element => !shown(element) || !element.getBoundingClientRect().height)
  .map(element => `${element.tagName} ${element.textContent.slice(0, 40)}`);
"""

FOCUSED = """
const element = document.activeElement, style = getComputedStyle(element), box = element.getBoundingClientRect();
const at = [...document.querySelectorAll('a[href], summary, [tabindex="0"]')].indexOf(element);
return { at, outline: style.outlineStyle, width: parseFloat(style.outlineWidth), skip: element.className === 'skip',
         inside: box.bottom > 0 && box.top < innerHeight && box.right > 0 };
"""


@pytest.fixture(scope="module", params=["a run", "long names and failures"])
def page(request, browser, tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    if request.param == "a run":
        run = make_run(results, rounds=10, requests_per_trial=120)
        write_forecast(run, forecast(run))
    else:
        awkward_run(results)
    return write_report(results, "latest", None, "html").as_uri()


def awkward_run(results):
    """Names that are too long, failures, an INVALID trial."""
    rng = np.random.default_rng(2)
    targets = {LONG: target_facts(), "docker-lambda": target_facts("function", "aws_lambda", emulated=True)}
    run = RunFolder.create(results, manifest(trials=24, rounds=3, targets=targets, notices=[LONG]))
    plan = [(r, t, p) for r in (1, 2, 3) for t in targets for p in ("cold", "steady", LONG)]
    for order, (number, target, profile) in enumerate(plan):
        table = traffic(rng, 40, 1.0 if profile == "cold" else 0.2, failed_share=0.1)
        case = {"memory_mb": 2048, "cpus": 1.0}
        key = {"target": target, "profile": profile, "round": number, "order": order, "workload": LONG, "case": case}
        run.save_trial(trial(table, f"t{order}", **key, problems=[LONG] if order == 4 else []), table, samples())
    given = {"workload": LONG, "what_ifs": [], "hours": None, "latency_p99_ms": figure(None, why=LONG)}
    rows = [row(kind, target=target, **given) for kind, target in (("service", LONG), ("function", "docker-lambda"))]
    write_forecast(run, forecast(run, rows, withheld=[LONG]))


def show(browser, page, width, scheme="light", media=""):
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    browser.get(page)


def test_nothing_is_fetched_and_nothing_is_complained_of(browser, page):
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    show(browser, page, 1400)
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("data:")] == [page]


@pytest.mark.parametrize("width", WIDTHS)
def test_it_can_be_read_at_this_width(browser, page, width):
    show(browser, page, width)
    inner, scrolled = browser.execute_script("return [innerWidth, document.documentElement.scrollWidth]")
    assert inner == width
    assert scrolled <= inner
    charts = browser.execute_script(CHARTS)
    assert charts.pop("charts") > 4
    assert charts == {"small": [], "outside": [], "overlapping": []}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("media", ["screen", "print"])
def test_every_text_stands_out_from_its_ground(browser, page, scheme, media):
    show(browser, page, 1400, scheme, media)
    found = browser.execute_script(CONTRAST)
    assert found["weak"] == []
    assert found["checked"] > 300
    assert found["svg"] > 50


def test_dark_is_dark_and_paper_is_white(browser, page):
    grounds = []
    for scheme, media in (("light", "screen"), ("dark", "screen"), ("dark", "print")):
        show(browser, page, 1400, scheme, media)
        grounds.append(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(255, 255, 255)", "rgb(20, 24, 27)", "rgb(255, 255, 255)"]


def test_the_keyboard_reaches_everything_and_shows_where_it_is(browser, page):
    show(browser, page, 400)
    browser.execute_script("document.querySelectorAll('details').forEach(element => element.open = true)")
    count = browser.execute_script("return document.querySelectorAll('a[href], summary, [tabindex=\"0\"]').length")
    stops = []
    for _ in range(count):
        ActionChains(browser, duration=0).send_keys(Keys.TAB).perform()
        stops.append(browser.execute_script(FOCUSED))
    assert stops[0]["skip"]
    assert [stop["at"] for stop in stops] == list(range(count))
    assert [stop for stop in stops if stop["outline"] == "none" or stop["width"] < 2 or not stop["inside"]] == []


def test_the_skip_link_leads_to_the_answer(browser, page):
    show(browser, page, 400)
    ActionChains(browser, duration=0).send_keys(Keys.TAB, Keys.ENTER).perform()
    assert browser.execute_script("return document.activeElement.id") == "answer"


def test_paper_hides_nothing(browser, page):
    show(browser, page, 700, "dark", "print")
    assert browser.execute_script(HIDDEN) == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 700
    assert browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"]
