"""The page: what stands in it for whatever data, what it may load (nothing), and that hostile words stay words."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from automation.overview import page, plots, words
from automation.overview.document import Application, Backups, Drift, Drill, Facts, Overview, Phase, Unverified
from automation.overview.markup import Markup, element
from automation.secret import Secret
from tests import overview_sample as sample
from tests.overview_sample import NOW, overview

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(1)>'\"&amp;`${7*7}`"
VOID = {"meta", "link"}


class Reader(HTMLParser):
    """Elements with their attributes, each text, and whether elements end in the order in which they began."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def read(found: Overview | None = None) -> Reader:
    return Reader(page.render(found or overview()))


def only(**changed: Any) -> Overview:
    """Return the sample with one environment, changed."""
    one = next(one for one in overview().environments if one.name == "local")
    return overview().model_copy(update={"environments": (one.model_copy(update=changed),)})


def many(drills: Sequence[Drill]) -> Overview:
    return only(drills=sample.drills(drills))


def test_it_is_one_document_with_a_heading_a_language_and_headers_of_tables() -> None:
    found = read()
    assert len(found.named("h1")) == 1
    assert found.named("html") == [{"lang": "en"}]
    assert {one["scope"] for one in found.named("th")} == {"row", "col"}
    assert len(found.named("caption")) == len(found.named("table")) > 5
    identities = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(set(identities)) == len(identities)
    for name in ("aria-labelledby",):
        for _, attributes in found.elements:
            assert set((attributes.get(name) or "").split()) <= set(identities)
    targets = {str(one["href"])[1:] for one in found.named("a") if str(one["href"]).startswith("#")}
    assert targets <= set(identities)


def test_it_holds_no_script_loads_nothing_and_its_policy_names_its_style() -> None:
    text = page.render(overview())
    found = Reader(text)
    assert not {"script", "iframe", "object", "form", "img", "base"} & {name for name, _ in found.elements}
    assert not [name for _, attributes in found.elements for name in attributes if name.startswith("on")]
    assert not [attributes for _, attributes in found.elements if {"style", "src", "srcset"} & set(attributes)]
    [style] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style
    [policy] = [one["content"] for one in found.named("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert str(policy).startswith(f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;")
    assert "unsafe" not in str(policy)
    for one in found.named("link"):
        assert str(one["href"]).startswith("data:image/svg+xml,")


def test_all_that_is_known_of_each_environment_stands_in_it() -> None:
    text = " ".join(read().texts).replace("\u00a0", " ")
    for one in overview().environments:
        assert one.description in text
        for _, fact in one.facts:
            assert fact.told in text
        for drill in one.drills.listed:
            assert words.when(drill.finished) in text
            assert words.length(drill.rto_seconds) in text


def test_what_is_unknown_has_its_reason_and_no_sign_of_being_good() -> None:
    staging = next(one for one in overview().environments if one.name == "staging")
    text = page.render(overview().model_copy(update={"environments": (staging,)}))
    section = text[text.index('id="e0"') :]
    assert "unknown: SPACES_ACCESS_KEY_ID is not set" in section
    backups = section[section.index("<dt>Last backup</dt>") : section.index("<dt>Last drill</dt>")]
    assert 'class="mark unknown"' in backups
    assert "good" not in backups


def test_hostile_names_and_messages_are_words() -> None:
    base = overview()
    application = Application(
        name=HOSTILE, zone=HOSTILE, version=HOSTILE, revision=HOSTILE, sync=HOSTILE, health=HOSTILE, message=HOSTILE
    )
    raw = sample.drill(0).model_dump()
    drill = Drill.model_validate(
        {**raw, "run": HOSTILE, "where": HOSTILE, "verdict": "failed", "reasons": [HOSTILE], "phases": [
            {"name": HOSTILE, "seconds": 4}, *raw["phases"]]}
    )  # fmt: skip
    backup = sample.backups([1]).listed[0].model_copy(update={"name": HOSTILE, "phase": HOSTILE})
    one = base.environments[2]
    hostile = type(one).of(
        one.name,
        HOSTILE,
        NOW,
        Facts(
            one.cluster.stands("good", HOSTILE),
            one.applications.model_copy(update={"listed": (application,)}),
            one.apply.stands("good", HOSTILE),
            Drift(standing="good", told=HOSTILE, url=f"https://github.com/{HOSTILE}"),
            Backups(standing="good", told=HOSTILE, listed=(backup, *one.backups.listed)),
            sample.drills([drill], unverified=[Unverified(where=HOSTILE, why=HOSTILE)]),
        ),
    )
    made = Overview(
        made=NOW, repository=HOSTILE, commit=HOSTILE, run_url="javascript:alert(1)", environments=(hostile,)
    )
    found = read(made)
    usual = {name for name, _ in read().elements}
    assert {name for name, _ in found.elements} <= usual
    assert not [name for _, attributes in found.elements for name in attributes if name.startswith("on")]
    assert not [one for one in found.named("a") if not str(one["href"]).startswith(("#", "https://github.com/"))]
    assert sum(HOSTILE in text for text in found.texts) > 10


def test_a_secret_that_got_into_a_message_is_masked() -> None:
    made = overview().model_dump_json()
    Secret("quota exceeded")
    assert "quota exceeded" not in page.render(Overview.model_validate_json(made))
    assert "quota exceeded" not in Overview.model_validate_json(made).to_json()
    assert "quota exceeded" not in page.render(overview()), "what was read before the secret was known, too"


def test_without_any_environment_it_says_so() -> None:
    found = overview().model_copy(update={"environments": ()})
    assert "There is no environment: opentofu/environments is empty." in read(found).texts


def test_without_drills_and_backups_there_is_no_plot() -> None:
    found = only(drills=sample.drills([]), backups=Backups(standing="bad", told="none"))
    assert not [one for one in read(found).named("svg") if one.get("class") == "plot"]


def test_two_hundred_environments_with_ten_drills_each() -> None:
    base = overview().environments[2]
    drills = sample.drills([sample.drill(number) for number in range(10)])
    whole = tuple(base.model_copy(update={"name": f"stage-{number}", "drills": drills}) for number in range(200))
    text = page.render(overview().model_copy(update={"environments": whole}))
    assert len(Reader(text).named("section")) == 201
    assert len(text) < 12_000_000


def bars(found: Overview) -> list[dict[str, str | None]]:
    """Return the rectangles of the plots: those of legends are alone in their picture."""
    return [one for one in read(found).named("rect") if "x" in one]


@pytest.mark.parametrize("count", [1, 2, 10, 200])
def test_each_drill_is_a_bar_inside_of_its_plot(count: int) -> None:
    drills = [sample.drill(number, failed=number % 3 == 1) for number in range(count)]
    found = bars(many(drills))
    assert len(found) == sum(len(plots.grouped(drill)) for drill in drills)
    for one in found:
        left, top, width, height = (float(str(one[name])) for name in ("x", "y", "width", "height"))
        assert left >= 0
        assert left + width <= 360
        assert top >= 0
        assert top + height <= 176
        assert width > 0
        assert height > 0
    crosses = [one for one in read(many(drills)).named("path") if one.get("class") == "failed"]
    failed = sum(drill.verdict == "failed" for drill in drills)
    assert len(crosses) == (failed + 2 if failed else 1), "one each, one in the legend, one failed backup"


def test_a_bar_is_as_high_as_its_phase_is_long() -> None:
    drill = sample.drill(0).model_copy(
        update={"phases": (Phase(name="backup", seconds=30), Phase(name="bootstrap", seconds=90)), "rto_seconds": 100.0}
    )
    heights = [float(str(one["height"])) for one in bars(many([drill]))]
    assert heights[1] == pytest.approx(heights[0] * 3, rel=0.01)


def test_phases_that_nobody_knows_are_drawn_too() -> None:
    drill = sample.drill(0).model_copy(update={"phases": (Phase(name="somersault", seconds=3),), "rto_seconds": None})
    assert plots.grouped(drill) == {"other": 3}
    assert plots.used_groups([drill]) == ["other"]
    assert len(bars(many([drill]))) == 1


def test_a_drill_that_took_no_time_at_all_can_be_drawn() -> None:
    drill = sample.drill(0).model_copy(update={"phases": (), "rto_seconds": None})
    assert bars(many([drill])) == []


def test_a_plot_has_a_title_and_says_its_numbers_in_words() -> None:
    drills = sample.drills([sample.drill(0), sample.drill(3, failed=True)])
    found = Reader(plots.of_drills(drills, "x", "Drills of local"))
    [svg] = found.named("svg")
    assert (svg["role"], svg["aria-labelledby"]) == ("img", "x-title x-desc")
    assert "Drills of local" in found.texts
    [told] = [text for text in found.texts if "RTO of" in text]
    assert told.startswith("2 drills, 1 of them failed. The newest, of 2026-11-21 15:42 UTC, passed")
    assert "with an RTO of 2 min 04 s; 15 min 00 s are allowed" in told


def points(text: str) -> list[tuple[float, float]]:
    [line] = [one for one in Reader(text).named("polyline") if one["class"] == "age"]
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in str(line["points"]).split())]


def test_the_age_of_backups_rises_and_falls_to_nothing_with_each() -> None:
    drawn = plots.of_backups(sample.backups([1, 25, 49]), NOW, "x", "Backups")
    assert drawn is not None
    found = points(drawn)
    ground = max(y for _, y in found)
    # the oldest is made; then each rises and is followed by the next, which falls to nothing; the last one rises to now
    assert [y == ground for _, y in found] == [True, False, True, False, True, False]
    assert [x for x, _ in found] == sorted(x for x, _ in found)
    assert (found[0][0], found[-1][0]) == (46.0, 354.0)


@pytest.mark.parametrize("hours", [[0.01], [1], [400], [0.5, 700], [24 * number for number in range(200)]], ids=str)
def test_backups_of_any_age_stay_inside_of_their_plot(hours: list[float]) -> None:
    drawn = plots.of_backups(sample.backups(hours), NOW, "x", "Backups")
    assert drawn is not None
    for x, y in points(drawn):
        assert 0 <= x <= 360
        assert 0 <= y <= 176


def test_without_a_whole_backup_there_is_nothing_to_draw() -> None:
    broken = sample.backups([1, 2], broken=[1])
    assert plots.of_backups(broken.model_copy(update={"listed": broken.listed[:1]}), NOW, "x", "y") is None
    future = sample.backups([-5])
    assert plots.of_backups(future, NOW, "x", "y") is None


def test_what_is_not_markup_is_escaped_wherever_it_stands() -> None:
    made = element("p", "<b>", ["&", Markup("<i></i>")], data_label='"x"<', number=1.50)
    assert made == '<p data-label="&quot;x&quot;&lt;" number="1.5">&lt;b&gt;&amp;<i></i></p>'


@pytest.mark.parametrize(
    ("length", "told"),
    [
        (timedelta(0), "less than a minute"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(hours=23, minutes=59), "23 hours"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=400), "400 days"),
        (timedelta(minutes=-5), "in the future"),
    ],
)
def test_ages_in_words(length: timedelta, told: str) -> None:
    assert words.age(length) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(None, "not measured"), (0, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 00 s"), (3599.6, "1 h 00 min"),
     (7322, "2 h 02 min")],
)  # fmt: skip
def test_lengths_in_words(seconds: float | None, told: str) -> None:
    assert words.length(seconds) == told


def test_the_json_is_readable_by_anybody() -> None:
    raw = json.loads(overview().to_json())
    assert raw["version"] == 1
    assert [one["standing"] for one in raw["environments"]] == ["good", "neutral", "good", "bad", "unknown"]
