"""What a change does to a cluster, in words: what is lost comes first, and nothing hostile gets through."""

from __future__ import annotations

import copy
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automation.fitting import LIMIT
from automation.gitops.comparison import Comparison, Side, What, compare, words
from automation.gitops.comparison.consequences import Weight
from automation.gitops.comparison.sides import key_of
from automation.gitops.comparison.words import Facts
from automation.gitops.manifests import Entry, Manifest
from tests.unit import github_view
from tests.unit.nasty import NASTY, texts

ROOT = Path(__file__).resolve().parents[3]
RUN = "https://github.com/acme/platform/actions/runs/7"
FACTS = Facts("staging", "a" * 40, "b" * 40, RUN)
PROTECTED = {"argocd.argoproj.io/sync-options": "Prune=false,Delete=false"}


def entry(application: str, listed: str = "platform") -> Entry:
    return Entry(application, "web", f"gitops/platform/{application}", "platform", listed)


def side(*manifests: Manifest, application: str = "web", listed: str = "platform", **more: Any) -> Side:
    objects = {key_of(application, one, "web"): one for one in manifests}
    return Side(objects=objects, entries={application: entry(application, listed)}, **more)


def thing(kind: str, name: str = "data", /, api: str = "v1", **more: Any) -> Manifest:
    annotations = more.pop("annotations", None)
    metadata = {"name": name, **({"annotations": annotations} if annotations else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **more}


STATEFUL: Manifest = {
    **thing("StatefulSet", "db", "apps/v1"),
    "spec": {
        "serviceName": "db",
        "replicas": 1,
        "selector": {"matchLabels": {"app": "db"}},
        "template": {"spec": {"containers": [{"name": "db", "image": "db:1"}]}},
        "volumeClaimTemplates": [
            {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}
        ],
    },
}


def changed(manifest: Manifest, path: str, value: Any) -> Manifest:
    made = copy.deepcopy(manifest)
    *steps, last = path.split(".")
    at: Any = made
    for step in steps:
        at = at[int(step)] if step.isdigit() else at.setdefault(step, {})
    at[last] = value
    return made


def said(before: Side | None, after: Side | None, limit: int = LIMIT) -> str:
    text = words.comment(compare(before, after), FACTS, limit)
    assert len(text) <= limit
    assert github_view.problems(text) == []
    return text


def test_nothing_that_differs_is_nothing() -> None:
    assert compare(side(STATEFUL), side(copy.deepcopy(STATEFUL))).nothing
    assert "nothing changes any more" in words.nothing_comment(FACTS)


LOST = [
    (thing("PersistentVolumeClaim"), "its volume goes with it"),
    (thing("Namespace"), "everything in it goes with it"),
    (STATEFUL, "the claims that it made stay"),
    (changed(STATEFUL, "spec.persistentVolumeClaimRetentionPolicy", {"whenDeleted": "Delete"}), "with them"),
    (thing("CustomResourceDefinition", api="apiextensions.k8s.io/v1"), "every object of its kind"),
    (thing("Schedule", api="velero.io/v1"), "no more backups"),
    (thing("Service", spec={"type": "LoadBalancer"}), "its load balancer goes"),
]


@pytest.mark.parametrize(("manifest", "why"), LOST, ids=[why for _, why in LOST])
def test_what_is_lost_is_warned_of_before_all_else(manifest: Manifest, why: str) -> None:
    harmless = thing("ConfigMap", "aaa", data={"a": "b"})
    text = said(side(manifest, harmless), side())
    assert text.startswith("## ⚠️ Manifests of `staging` — deletes 2 objects\n\n🟥 **2** deleted")
    warning = text.split("[!CAUTION]")[1].split("###")[0]
    assert "**Lost, if this is merged:**" in warning
    assert why in warning
    assert "ConfigMap" not in warning
    details = text.split("###")[1]
    assert details.index(manifest["kind"]) < details.index("ConfigMap")


def test_what_asks_before_it_goes_is_said_to_ask() -> None:
    claim = thing("PersistentVolumeClaim", annotations={"argocd.argoproj.io/sync-options": "Prune=confirm"})
    assert "once somebody confirms it in Argo CD" in said(side(claim), side())


def test_an_object_that_only_goes_is_no_loss() -> None:
    text = said(side(thing("ConfigMap", data={"a": "b"})), side())
    assert "[!CAUTION]" not in text
    assert "🟥 <b><code>ConfigMap web/data</code></b> — deleted" in text


FIXED = [
    (STATEFUL, "spec.volumeClaimTemplates.0.metadata.name", "other", "spec.volumeClaimTemplates"),
    (STATEFUL, "spec.serviceName", "other", "spec.serviceName"),
    (thing("Deployment", "a", "apps/v1"), "spec.selector", {"matchLabels": {"a": "b"}}, "spec.selector"),
    (thing("Job", "a", "batch/v1"), "spec.template", {"spec": {}, "x": 1}, "spec.template"),
    (thing("StorageClass", "a", "storage.k8s.io/v1"), "parameters.type", "ssd", "parameters"),
    (thing("RoleBinding", "a", "rbac.authorization.k8s.io/v1"), "roleRef.name", "b", "roleRef"),
    (thing("ConfigMap", "a", immutable=True, data={"a": "b"}), "data.a", "c", "data"),
    (thing("PersistentVolumeClaim", spec={"storageClassName": "a"}), "spec.storageClassName", "b", "storageClassName"),
    (
        thing("PersistentVolumeClaim", spec={"resources": {"requests": {"storage": "2Gi"}}}),
        *("spec.resources.requests.storage", "900Mi", "which is smaller now"),
    ),
]


@pytest.mark.parametrize(
    ("manifest", "path", "value", "named"), FIXED, ids=[f"{one[0]['kind']} {one[1]}" for one in FIXED]
)
def test_what_the_api_server_will_refuse_is_said(manifest: Manifest, path: str, value: Any, named: str) -> None:
    after = changed(manifest, path, value)
    text = said(side(manifest), side(after))
    assert "will be refused" in text.splitlines()[0]
    assert f"{named}" in text.split("**The API server will refuse this")[1].split("###")[0]
    forced = changed(after, "metadata.annotations", {"argocd.argoproj.io/sync-options": "Force=true"})
    assert "it is deleted and made again (Force=true)" in said(side(manifest), side(forced))


@pytest.mark.parametrize(
    ("manifest", "path", "value"),
    [
        (STATEFUL, "spec.replicas", 3),
        (STATEFUL, "spec.template.spec.containers.0.image", "db:2"),
        (STATEFUL, "spec.podManagementPolicy", "OrderedReady"),  # the default
        (thing("ConfigMap", "a", data={"a": "b"}), "data.a", "c"),
        (
            thing("PersistentVolumeClaim", spec={"resources": {"requests": {"storage": "900Mi"}}}),
            *("spec.resources.requests.storage", "1Gi"),
        ),
        (thing("Job", "a", "batch/v1", annotations={"argocd.argoproj.io/hook": "Sync"}), "spec.template", {"a": 1}),
    ],
)
def test_what_may_change_is_no_warning(manifest: Manifest, path: str, value: Any) -> None:
    text = said(side(manifest), side(changed(manifest, path, value)))
    assert text.startswith("## ✅ Manifests of `staging` — nothing is deleted")
    assert "> [!" not in text


def test_what_leaves_protection_is_said() -> None:
    kept = thing("PersistentVolumeClaim", annotations=PROTECTED)
    text = said(side(kept), side(thing("PersistentVolumeClaim")))
    assert "read the warning" in text.splitlines()[0]
    told = "leaves protection from deletion and pruning (Delete=false, Prune=false is taken away)"
    assert told in text.split("**Less protected")[1]


def test_what_is_protected_is_left_behind_and_not_deleted() -> None:
    found = compare(side(thing("PersistentVolumeClaim", annotations=PROTECTED)), side())
    assert [one.what for one in found.differences] == [What.LEFT]
    assert "it is protected" in said(side(thing("PersistentVolumeClaim", annotations=PROTECTED)), side())


@pytest.mark.parametrize(
    ("listed", "annotations", "what"),
    [
        ("platform", None, What.LEFT),  # its ApplicationSet leaves behind what an entry installed
        ("apps", None, What.DELETED),
        ("apps", {"argocd.argoproj.io/sync-options": "Prune=false"}, What.DELETED),  # of no use against this
        ("apps", PROTECTED, What.LEFT),
    ],
)
def test_what_becomes_of_an_application_that_goes(listed: str, annotations: Any, what: What) -> None:
    before = side(thing("PersistentVolumeClaim", annotations=annotations), listed=listed)
    [one] = compare(before, Side(leaving=frozenset({"platform", "charts"}))).differences
    assert one.what is what


def test_what_moves_from_one_application_to_another_is_no_deletion_but_a_risk() -> None:
    claim = thing("PersistentVolumeClaim")
    old, new = side(claim), side(claim, application="store")
    both = Side(objects=new.objects, entries={**old.entries, **new.entries})
    [one] = compare(old, both).differences
    assert (one.what, one.application, one.source, one.weight) == (What.MOVED, "store", "web", Weight.LOST)
    assert "where web is synced before store has taken it over" in said(old, both)


def test_a_paused_schedule_is_a_loss() -> None:
    schedule = thing("Schedule", "daily", "velero.io/v1", spec={"schedule": "0 1 * * *"})
    assert "is paused: no more backups" in said(side(schedule), side(changed(schedule, "spec.paused", True)))


def test_a_chart_that_cannot_be_rendered_is_told_by_its_versions() -> None:
    def told(version: str) -> Side:
        chart = {"repository": "https://example.org", "chart": "mail", "version": version, "namespace": "web"}
        return Side(charts={"mail": chart}, unknown={"mail": "example.org can't be reached from here"})

    text = said(told("1.2.3"), told("1.3.0"))
    assert text.startswith("## ❔ Manifests of `staging` — not all of it is known\n\n📦 **1 chart** not rendered")
    assert "`mail`: chart `mail` `1.2.3` → `1.3.0` (example.org can" in text
    assert "- version: 1.2.3\n+ version: 1.3.0" in text
    assert compare(told("1.2.3"), told("1.2.3")).nothing


def test_what_a_chart_makes_up_at_random_is_no_change() -> None:
    def rendered(made_up: str) -> Side:
        secret = thing("Secret", "made-up", data={"password": made_up})
        return Side(objects={key_of("mail", secret, "web"): secret}, charts={"mail": {"version": "1.2.3"}})

    assert compare(rendered("one"), rendered("two")).nothing


def test_what_cannot_be_rendered_is_not_taken_for_deleted() -> None:
    broken = Side(entries={"web": entry("web")}, unknown={"web": "web.yaml: no such file"}, broken=frozenset({"web"}))
    found = compare(side(STATEFUL), broken)
    assert (found.differences, found.broken) == ((), (("web", "web.yaml: no such file"),))
    assert "— can't be rendered" in said(side(STATEFUL), broken)
    assert compare(broken, side(STATEFUL)).differences == ()
    assert "nothing can be compared" in said(broken, side(STATEFUL))
    assert "the table of contents: no" in words.plain(compare(side(STATEFUL), Side(why_not="no")), "staging")


def test_a_cluster_that_comes_and_one_that_goes() -> None:
    assert "This cluster was not described before. 🟩 **1** created" in said(None, side(STATEFUL))
    assert "finds nothing to sync any more" in said(side(STATEFUL), None)


# Secrets

SECRET = "c3dvcmRmaXNo-swordfish"
TOKEN = "ghp_" + "aB3dE5fG7h" * 4
HIDING: list[tuple[Manifest, str]] = [
    (thing("Secret", data={"any": SECRET}), "any: (hidden"),
    (thing("Secret", stringData={"any": {"deep": [SECRET]}}), "(hidden"),
    (
        thing("Secret", annotations={"kubectl.kubernetes.io/last-applied-configuration": f'{{"data":"{SECRET}"}}'}),
        "last-applied-configuration: (hidden",
    ),
    (
        {
            "apiVersion": "v1",
            "kind": "List",
            "metadata": {"name": "all"},
            "items": [thing("Secret", data={"a": SECRET})],
        },
        "a: (hidden",
    ),
    (thing("Pod", spec={"env": [{"name": "DB_PASSWORD", "value": SECRET}]}), "value: (hidden"),
    (thing("Pod", spec={"args": [f"--password={SECRET}"]}), "--password=(hidden)"),
    (thing("ConfigMap", data={"adminPassword": SECRET}), "adminPassword: (hidden"),
    (thing("ConfigMap", data={"app.ini": f"[db]\npassword = {SECRET}\nhost = db\n"}), "password = (hidden)"),
    (thing("ConfigMap", data={"note": f"use {TOKEN} here"}), "use (hidden) here"),
    (thing("ConfigMap", data={"url": f"postgres://app:{SECRET}@db/app"}), "postgres://app:(hidden)@db/app"),
]


@pytest.mark.parametrize(
    ("manifest", "shown"), HIDING, ids=[f"{number} {shown}" for number, (_, shown) in enumerate(HIDING)]
)
def test_secrets_are_hidden_wherever_they_stand(manifest: Manifest, shown: str) -> None:
    other = yaml.safe_load(yaml.safe_dump(manifest).replace("swordfish", "hammerhead").replace("aB3d", "zY9x"))
    for before, after in ((side(), side(manifest)), (side(manifest), side()), (side(manifest), side(other))):
        found = compare(before, after)
        for text in (words.comment(found, FACTS), words.plain(found, "staging")):
            assert "swordfish" not in text
            assert "hammerhead" not in text
            assert TOKEN not in text
    assert shown in words.plain(compare(side(), side(manifest)), "staging")


def test_that_a_secret_changes_is_seen() -> None:
    before, after = (thing("Secret", data={"a": "one", "b": value}) for value in ("two", "three"))
    text = said(side(before), side(after))
    assert "    a: (hidden)\n-   b: (hidden)\n+   b: (hidden, changed)" in text
    before, after = (thing("ConfigMap", data={"x": f"password: {value}\nmore\n"}) for value in ("two", "three"))
    assert "# what changes is hidden" in said(side(before), side(after))


def test_a_new_variable_does_not_make_the_others_look_changed() -> None:
    env = [{"name": "DB_PASSWORD", "value": SECRET}, {"name": "PAGE", "value": "1"}]
    before, after = thing("Pod", spec={"env": env}), thing("Pod", spec={"env": [{"name": "A", "value": "b"}, *env]})
    assert "changed)" not in said(side(before), side(after))


@pytest.mark.parametrize("value", ["${PASSWORD}", "$(PASSWORD)", "{{ .Values.password }}", "/etc/password", "true"])
def test_references_are_shown(value: str) -> None:
    assert f"--password={value}" in said(side(), side(thing("Pod", spec={"args": [f"--password={value}"]})))


# Hostile and huge


@pytest.mark.parametrize("nasty", NASTY)
def test_nothing_in_a_manifest_can_forge_or_ping(nasty: str) -> None:
    manifest = thing("ConfigMap", nasty or "x", data={nasty: nasty, "many": f"{nasty}\n```\n# forged\n</details>\n"})
    for before, after in ((side(), side(manifest)), (side(manifest), side())):
        text = said(before, after)
        assert [one for one in github_view.headings(text) if "forged" in one] == []


names = texts.map(lambda value: value or "x")
manifests = st.builds(
    lambda kind, name, key, value: thing(kind, name, data={key: value}),
    st.sampled_from(["ConfigMap", "PersistentVolumeClaim", "Secret"]) | names, names, names, texts,
)  # fmt: skip
some = st.lists(st.tuples(names, manifests), max_size=6)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(some, some, st.sampled_from([10_000, LIMIT]), st.lists(texts, max_size=2))
def test_any_manifests_fit_and_can_neither_forge_nor_ping(
    before: list[tuple[str, Manifest]], after: list[tuple[str, Manifest]], limit: int, notes: list[str]
) -> None:
    sides = [Side(objects={key_of(name, one, "web"): one for name, one in many}) for many in (before, after)]
    text = words.comment(compare(*sides), Facts("staging", run_url=RUN, notes=tuple(notes)), limit)
    assert len(text) <= limit
    assert github_view.problems(text) == []
    assert "\n::" not in f"\n{words.plain(compare(*sides), 'staging')}"


def test_a_hundred_thousand_objects_fit_and_what_is_lost_is_counted() -> None:
    """A line of difference is made for what is shown alone: this takes seconds, not minutes."""
    many = {
        key_of(f"application-{number % 60}", one, "web"): one
        for number in range(100_000)
        for one in [thing("PersistentVolumeClaim" if number % 2 else "ConfigMap", f"object-{number}")]
    }
    found = compare(Side(objects=many), Side())
    text = words.comment(found, FACTS)
    assert len(text) <= LIMIT
    assert "🟥 **100,000** deleted" in text
    assert "PersistentVolumeClaim" in text.split("[!CAUTION]")[1].split("###")[0]
    assert "This is more than a comment can hold" in text


def test_what_is_lost_is_named_even_where_the_rest_is_only_counted() -> None:
    kinds = {number: "PersistentVolumeClaim" if number % 40 == 0 else "ConfigMap" for number in range(4_000)}
    many = {
        key_of(f"application-{number % 30}", thing(kind, f"object-{number}"), "web"): thing(kind, f"object-{number}")
        for number, kind in kinds.items()
    }
    text = words.comment(compare(Side(objects=many), Side()), FACTS)
    assert "🟥 **100** \u00d7 `PersistentVolumeClaim`: its volume goes with it" in text
    named = github_view.fences(text)
    assert all(f"- PersistentVolumeClaim web/object-{number}  #" in named for number in range(0, 4_000, 40))
    assert github_view.problems(text) == []


def test_one_huge_object_is_not_compared_line_by_line() -> None:
    before, after = (thing("ConfigMap", data={str(n): f"{side} {n}" for n in range(20_000)}) for side in "ab")
    assert "20,005 lines before, 20,005 after: too long" in said(side(before), side(after))


def test_what_is_nested_too_deeply_is_said() -> None:
    deep: Any = "x"
    for _ in range(5_000):
        deep = [deep]
    assert "# nested too deeply to be shown" in said(side(), side(thing("ConfigMap", data=deep)))


def test_a_log_is_given_no_commands() -> None:
    manifest = thing("ConfigMap", data={"x": "a\n::stop-commands::now\n##[error]forged\n"})
    text = words.plain(compare(side(), side(manifest)), "staging")
    assert not any(line.strip().startswith("::") for line in text.splitlines())
    assert "##[" not in text


def test_the_example_in_the_docs_is_what_the_program_makes() -> None:
    docs = ROOT / "docs" / "examples"
    assert runpy.run_path(str(docs / "manifests.py"))["text"]() == (docs / "manifests.md").read_text()


def test_an_empty_comparison_says_nothing() -> None:
    assert Comparison().nothing
    assert words.told(Comparison(), 10_000) == ("", ())
