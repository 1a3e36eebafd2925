"""The page as a real browser shows it: on a phone and on a desk, light and dark; it loads nothing and loses nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automation.overview import page
from automation.overview.document import Application, Drift, Facts, Overview
from tests import browser
from tests import overview_sample as sample
from tests.browser import Browser
from tests.overview_sample import NOW, overview

PROGRAM = browser.find()
pytestmark = pytest.mark.skipif(
    PROGRAM is None,
    reason=f"none of {', '.join(browser.BROWSERS)} is installed ('scripts/test' installs one where it may)",
)
LOOKS = [
    pytest.param(375, False, id="phone, light"),
    pytest.param(375, True, id="phone, dark"),
    pytest.param(1280, False, id="desk, light"),
    pytest.param(1280, True, id="desk, dark"),
]
LONG = "a-name-without-any-place-to-break-it-" * 8

# Every text that is seen, with the contrast of its colour to what is painted behind it (WCAG 2.2, 1.4.3).
CONTRAST = """(() => {
  const parse = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n };
  const light = (c) => { const v = c.slice(0, 3).map((one) => one / 255).map(
    (one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2] };
  const behind = (element) => { for (let one = element; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor); if (colour[3] === 1) return colour }
    return parse(getComputedStyle(document.body).backgroundColor) };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
    if (!text || element.closest("title, desc, .hidden, .skip")) continue;
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    const style = getComputedStyle(element);
    const front = parse(element.closest("svg") ? style.fill : style.color), back = behind(element);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    found.push({text: text.slice(0, 40), size: parseFloat(style.fontSize), ratio: (a + 0.05) / (b + 0.05)});
  }
  return found })()"""

# Every shape of a plot, with the contrast of its colour to the card (WCAG 2.2, 1.4.11).
SHAPES = """(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (c) => { const v = c.slice(0, 3).map((one) => one / 255).map(
    (one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2] };
  const card = parse(getComputedStyle(document.querySelector(".card")).backgroundColor);
  return [...document.querySelectorAll("svg.plot rect, svg.plot .rto, svg.plot .age, svg.plot .made, svg.plot .limit, "
    + "svg.plot .failed")].map((one) => {
    const style = getComputedStyle(one), name = one.getAttribute("class");
    const filled = one.matches("rect, .made");
    const [a, b] = [light(parse(filled ? style.fill : style.stroke)), light(card)].sort((x, y) => y - x);
    return {name, ratio: (a + 0.05) / (b + 0.05)} }) })()"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser.browsing(str(PROGRAM), tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("page") / "index.html"
    file.write_text(page.render(overview()))
    return file.as_uri()


def told(shown: Browser) -> list[Any]:
    """Return what the browser had to say of a page: errors, warnings, what its policy refused."""
    kinds = {"Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"}
    return [one for one in shown.events if one.get("method") in kinds]


def asked_for(shown: Browser) -> list[str]:
    """Return the addresses that the page asked for, without those that its own policy held back."""
    ended = [one["params"] for one in shown.events if one["method"] == "Network.loadingFailed"]
    held = {one["requestId"] for one in ended if one.get("blockedReason") == "csp"}
    sent = [one["params"] for one in shown.events if one["method"] == "Network.requestWillBeSent"]
    addresses = [one["request"]["url"] for one in sent if one["requestId"] not in held]
    return [one for one in addresses if not one.startswith("data:")]


@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_it_fits_its_window_and_the_browser_has_nothing_to_say(
    chromium: Browser, address: str, width: int, dark: bool
) -> None:
    chromium.open(address, width=width, dark=dark)
    assert chromium.run("document.documentElement.scrollWidth") == width
    wide = "[...document.querySelectorAll('body *')].filter((one) => !one.closest('.hidden, .skip, thead') && "
    assert chromium.run(f"{wide} one.getBoundingClientRect().right > {width} + 0.5).map((one) => one.outerHTML)") == []
    assert told(chromium) == []
    assert asked_for(chromium) == [address]


@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_every_text_can_be_read(chromium: Browser, address: str, width: int, dark: bool) -> None:
    chromium.open(address, width=width, dark=dark)
    chromium.run("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    assert chromium.run("document.documentElement.scrollWidth") == width
    texts = chromium.run(CONTRAST)
    assert len(texts) > 300
    assert [one for one in texts if one["ratio"] < 4.5] == []
    assert min(one["size"] for one in texts) >= 10
    back = chromium.run("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", back)[:3])) < 200) == dark


@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_plots_have_a_size_and_colours_that_can_be_told_from_the_page(
    chromium: Browser, address: str, width: int, dark: bool
) -> None:
    chromium.open(address, width=width, dark=dark)
    sizes = chromium.run(
        "[...document.querySelectorAll('svg.plot')].map((one) => one.getBoundingClientRect()).map((one) => "
        "({width: one.width, height: one.height}))"
    )
    assert len(sizes) == 7
    for one in sizes:
        assert min(300, width - 70) <= one["width"] <= 560
        assert one["height"] == pytest.approx(one["width"] * 176 / 360, rel=0.02)
    ratios = chromium.run(SHAPES)
    assert {one["name"] for one in ratios} >= {"p0", "p1", "p5", "p7", "rto", "age", "made", "limit", "failed"}
    assert [one for one in ratios if one["ratio"] < 3] == []


@pytest.mark.parametrize("width", [375, 1000, 1280])
def test_no_word_of_a_table_is_broken_where_it_would_fit(chromium: Browser, address: str, width: int) -> None:
    chromium.open(address, width=width)
    chromium.run("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    broken = chromium.run(
        "[...document.querySelectorAll('td .marked > span:last-child, thead th')].filter((one) => { "
        "const range = document.createRange(); range.selectNodeContents(one); "
        "return one.offsetWidth > 20 && !/\\s/.test(one.textContent.trim()) && range.getClientRects().length > 1 })"
        ".map((one) => one.textContent)"
    )
    assert broken == []


def test_a_label_of_a_plot_can_be_read_on_a_phone(chromium: Browser, address: str) -> None:
    chromium.open(address, width=375)
    heights = chromium.run(
        "[...document.querySelectorAll('svg.plot text')].map((one) => one.getBoundingClientRect().height)"
    )
    assert min(heights) >= 9


def test_labels_of_a_plot_do_not_lie_on_each_other(chromium: Browser, tmp_path: Path) -> None:
    base = next(one for one in overview().environments if one.name == "local")
    drills = sample.drills([sample.drill(number) for number in range(10)])
    file = tmp_path / "index.html"
    file.write_text(page.render(only(base.model_copy(update={"drills": drills}))))
    chromium.open(file.as_uri(), width=375)
    boxes = chromium.run(
        "[...document.querySelectorAll('svg.plot')].map((plot) => [...plot.querySelectorAll('text.label')]"
        ".map((one) => one.getBoundingClientRect()).map((one) => [one.left, one.top, one.right, one.bottom]))"
    )
    assert len(boxes[0]) >= 12
    for labels in boxes:
        for number, (left, top, right, bottom) in enumerate(labels):
            for other in labels[:number]:
                apart = right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
                assert apart, (labels[number], other)


def test_a_screen_reader_meets_a_table_on_a_phone_too(chromium: Browser, address: str) -> None:
    chromium.open(address, width=375)
    nodes = chromium.ask("Accessibility.getFullAXTree")["nodes"]
    seen = [(one["role"]["value"], one.get("name", {}).get("value", "")) for one in nodes if not one.get("ignored")]
    roles = [role for role, _ in seen]
    assert roles.count("table") >= 1
    assert ("table", "Environments") in seen
    assert ("columnheader", "Last drill") in seen
    assert sum(role == "rowheader" and name.startswith("production") for role, name in seen) == 1
    assert roles.count("row") >= 6
    assert ("heading", "Status of octo-org/infra") in seen
    pictures = [name for role, name in seen if role in {"image", "img"} and name.startswith("Drills of local")]
    assert len(pictures) == 1
    assert "The table below has all numbers." in pictures[0]


def test_it_can_be_used_by_keyboard_alone(chromium: Browser, address: str) -> None:
    chromium.open(address, width=1280)
    reached = []
    for _ in range(60):
        chromium.ask("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        chromium.ask("Input.dispatchKeyEvent", type="keyUp", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.append(
            chromium.run(
                "((one) => ({name: one.tagName, text: one.textContent, line: getComputedStyle(one).outlineStyle, "
                "left: one.getBoundingClientRect().left}))(document.activeElement)"
            )
        )
    first = reached[0]
    assert first["text"] == "To the environments"
    assert first["left"] >= 0, "it is seen once it has the focus"
    links = chromium.run("document.querySelectorAll('a[href], summary').length")
    focused = [one for one in reached if one["name"] in {"A", "SUMMARY"}]
    assert len({one["text"] for one in focused}) > 20
    assert len(focused) >= min(links, 60) - 1
    assert {one["line"] for one in focused[1:]} == {"solid"}


def only(*environments: Any) -> Overview:
    return overview().model_copy(update={"environments": environments})


@pytest.mark.parametrize("width", [375, 1280])
def test_hostile_and_endless_words_neither_run_nor_widen_the_page(
    chromium: Browser, tmp_path: Path, width: int
) -> None:
    hostile = f"<img src=x onerror=document.title='run'><script>document.title='run'</script>{LONG}"
    base = next(one for one in overview().environments if one.name == "production")
    application = Application(
        name=hostile, zone="", version=hostile, revision="f" * 40, sync=LONG, health=LONG, message=hostile
    )
    facts = Facts(
        base.cluster.stands("bad", hostile),
        base.applications.model_copy(update={"listed": (application,)}),
        base.apply.stands("bad", hostile),
        Drift(standing="bad", told=hostile, looked=NOW, url="https://github.com/octo-org/infra/issues/41"),
        base.backups.stands("bad", hostile),
        base.drills.stands("bad", hostile),
    )
    file = tmp_path / "index.html"
    file.write_text(page.render(only(base.of("x" * 63, hostile, NOW, facts))))
    chromium.open(file.as_uri(), width=width)
    chromium.run("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    assert chromium.run("document.title") == "Status of octo-org/infra"
    assert chromium.run("document.querySelectorAll('img, script').length") == 0
    assert chromium.run("document.documentElement.scrollWidth") == width
    assert told(chromium) == []
    assert asked_for(chromium) == [file.as_uri()]


def test_the_policy_holds_where_something_got_in_all_the_same(chromium: Browser, tmp_path: Path) -> None:
    """Were there a hole in what escapes, the browser would still run nothing, and say so, which the tests above see."""
    ran = "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\"><p style='color: red'>"
    file = tmp_path / "index.html"
    file.write_text(page.render(overview()).replace("</main>", f"{ran}</main>"))
    chromium.open(file.as_uri(), width=1280)
    assert chromium.run("document.title") == "Status of octo-org/infra"
    refused = [str(one["params"]) for one in told(chromium)]
    assert len([one for one in refused if "Content Security Policy" in one]) >= 3
    assert asked_for(chromium) == [file.as_uri()]


def test_two_hundred_environments_are_shown(chromium: Browser, tmp_path: Path) -> None:
    base = next(one for one in overview().environments if one.name == "local")
    many = [base.model_copy(update={"name": f"stage-{number}"}) for number in range(200)]
    file = tmp_path / "index.html"
    file.write_text(page.render(only(*many)))
    chromium.open(file.as_uri(), width=375)
    assert chromium.run("document.documentElement.scrollWidth") == 375
    assert chromium.run("document.querySelectorAll('svg.plot').length") == 400
    assert told(chromium) == []
