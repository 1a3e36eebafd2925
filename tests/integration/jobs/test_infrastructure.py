"""plan, apply and destroy, with a script in tofu's place."""

from __future__ import annotations

import json
import re

import pytest

from automation.errors import ConfigurationError, DogitopsError, Refused
from automation.jobs.infrastructure.apply import apply
from automation.jobs.infrastructure.destroy import destroy
from automation.jobs.infrastructure.plan import plan
from automation.opentofu.runner import StateLocked
from automation.site import Site
from tests.integration.jobs.conftest import FakeTofu, change
from tests.integration.s3 import S3

BUCKET, CLUSTER = "terraform_data.bucket", "terraform_data.cluster"
LOCKED = "Error: Error acquiring the state lock\n\n  ID:        1111-2222\n  Who:       ada@laptop\n"


def test_a_plan_has_its_state_first(site: Site, tofu: FakeTofu, s3: S3) -> None:
    tofu.answer("plan", code=2)
    tofu.answer("show", {"format_version": "1.2", "resource_changes": [change(CLUSTER, "create")]})
    saved, document = plan(site)
    assert list(s3.buckets) == ["dogitops-there-state"]
    assert tofu.verbs[0] == "init"
    assert site.read(document).counts() == {"add": 1}
    assert site.tofu.saved_plan("there") == saved


def test_a_cluster_that_is_gone_is_planned_again(
    site: Site, tofu: FakeTofu, capfd: pytest.CaptureFixture[str], facts: dict
) -> None:
    tofu.resources(BUCKET, CLUSTER)
    plan(site)
    assert f"-replace={CLUSTER}" not in tofu.calls[-2]
    site.provider.source.unlink()  # type: ignore[attr-defined]
    plan(site)
    planned = [call for call in tofu.calls if call.startswith("plan")]
    assert f"-replace={CLUSTER}" in planned[-1]
    assert "is gone, though the state has it" in " ".join(capfd.readouterr().err.split())
    plan(site, destroy=True)
    planned = [call for call in tofu.calls if call.startswith("plan")]
    assert f"-replace={CLUSTER}" not in planned[-1], "what shall end is not made again"


def test_nothing_is_applied_that_was_not_planned(site: Site, tofu: FakeTofu) -> None:
    with pytest.raises(ConfigurationError, match="no saved plan for there"):
        apply(site)
    assert tofu.calls == []


def test_an_apply_returns_the_outputs(site: Site, tofu: FakeTofu) -> None:
    plan(site)
    assert apply(site) == {"cluster": '"dogitops-there"'}


@pytest.mark.parametrize("conditions", ["ignored", "told", "unknown"])
def test_nothing_is_applied_where_the_state_can_t_be_locked(
    site: Site, tofu: FakeTofu, s3: S3, conditions: str
) -> None:
    plan(site)
    s3.conditions = conditions
    with pytest.raises(ConfigurationError, match="does not lock: two who write at once both succeed"):
        apply(site)
    assert "apply" not in tofu.verbs


def test_a_failed_apply_tells_what_it_did(site: Site, tofu: FakeTofu) -> None:
    plan(site)
    lines = [
        {"type": "planned_change", "change": {"resource": {"addr": "a.new"}, "action": "create"}},
        {"type": "planned_change", "change": {"resource": {"addr": "a.next"}, "action": "create"}},
        {"type": "apply_start", "hook": {"resource": {"addr": "a.new"}, "action": "create"}},
        {"type": "apply_complete", "hook": {"resource": {"addr": "a.new"}, "action": "create", "elapsed_seconds": 1}},
        {"type": "diagnostic", "diagnostic": {"severity": "error", "summary": "no such luck", "detail": ""}},
    ]
    tofu.answer("apply", "\n".join(map(json.dumps, lines)), code=1)
    with pytest.raises(DogitopsError, match="no such luck") as caught:
        apply(site)
    assert "Done: a.new.\nNot started: a.next." in caught.value.message
    assert "dogitops plan there" in (caught.value.hint or "")


def test_a_failed_apply_without_effect_says_so(site: Site, tofu: FakeTofu) -> None:
    plan(site)
    tofu.answer("apply", code=1, error="Error: no such luck\n")
    with pytest.raises(DogitopsError, match="Nothing was done"):
        apply(site)


def test_what_is_protected_is_lost_only_on_purpose(site: Site, tofu: FakeTofu) -> None:
    tofu.answer("plan", code=2)
    gone = change("digitalocean_volume.data", "delete")
    tofu.answer("show", {"format_version": "1.2", "resource_changes": [gone]})
    plan(site)
    with pytest.raises(Refused, match=r"destroy: digitalocean_volume\.data") as caught:
        apply(site)
    assert "apply" not in tofu.verbs
    told = re.search(r"--acknowledge ([0-9a-f]{12})'", caught.value.hint or "")
    assert told is not None
    with pytest.raises(Refused):
        apply(site, acknowledged="0" * 12)
    with pytest.raises(Refused):
        apply(site, acknowledged=told[1][:4])
    apply(site, acknowledged=told[1])
    assert "apply" in tofu.verbs


def test_a_locked_state_is_told_as_it_is_and_the_plan_is_kept(site: Site, tofu: FakeTofu) -> None:
    plan(site)
    tofu.answer("apply", code=1, error=LOCKED)
    with pytest.raises(StateLocked, match="locked by ada@laptop") as caught:
        apply(site)
    assert "dogitops unlock there 1111-2222" in (caught.value.hint or "")
    assert site.tofu.saved_plan("there")


def test_destroying_is_shown_and_asked_for_first(site: Site, tofu: FakeTofu, capfd: pytest.CaptureFixture[str]) -> None:
    tofu.answer("plan", code=2)
    tofu.answer("show", {"format_version": "1.2", "resource_changes": [change(CLUSTER, "delete")]})
    asked: list[str] = []

    def no(question: str) -> bool:
        asked.append(question)
        assert f"- {CLUSTER}" in capfd.readouterr().out, "what would go must be shown before the question"
        return False

    with pytest.raises(Refused, match="Nothing was destroyed") as caught:
        destroy(site, delete_backups=False, confirm=no)
    assert caught.value.exit_code == 3
    assert asked == ["Destroy the environment there?"]
    assert "apply" not in tofu.verbs
    with pytest.raises(ConfigurationError, match="no saved plan"):
        site.tofu.saved_plan("there")  # or `dogitops apply` would destroy


@pytest.mark.parametrize("delete_backups", [False, True])
def test_backups_stay_unless_told(
    site: Site, tofu: FakeTofu, capfd: pytest.CaptureFixture[str], delete_backups: bool
) -> None:
    tofu.answer("plan", code=2)
    tofu.answer("show", {"format_version": "1.2", "resource_changes": [change(CLUSTER, "delete")]})
    site.kubeconfig.write_text("theirs")
    destroy(site, delete_backups=delete_backups, confirm=lambda _: True)
    planned = next(call for call in tofu.calls if call.startswith("plan"))
    assert "-destroy" in planned
    assert (f"-exclude={BUCKET}" in planned) != delete_backups
    assert "apply" in tofu.verbs
    assert ("backups stay" in capfd.readouterr().err) != delete_backups
    assert site.provider.exists("dogitops-there"), "somebody else's cluster stays"


def test_where_nothing_is_left_nobody_is_asked(site: Site, tofu: FakeTofu) -> None:
    destroy(site, delete_backups=True, confirm=lambda _: pytest.fail("asked"))
    assert "apply" not in tofu.verbs
