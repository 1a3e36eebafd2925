"""OpenTofu's runner against a real S3 server: saved plans, their refusals, and native locking."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from automation import objectstore, wait
from automation.errors import ConfigurationError, DogitopsError
from automation.objectstore import ObjectStore
from automation.opentofu.plan import Action, parse
from automation.opentofu.runner import StateLocked, Tofu
from automation.toolchain import install

pytestmark = pytest.mark.e2e

BUCKET = "dogitops-e2e-state"
LOCK = "environment.tfstate.tflock"
CONFIGURATION = """
terraform {
  backend "s3" {
    bucket                      = "dogitops-e2e-state"
    key                         = "environment.tfstate"
    region                      = "us-east-1"
    use_lockfile                = true
    use_path_style              = true
    skip_credentials_validation = true
    skip_metadata_api_check     = true
    skip_region_validation      = true
    skip_requesting_account_id  = true
    skip_s3_checksum            = true
  }
}

resource "terraform_data" "greeting" {
  input = "hello"
}

output "greeting" {
  value = terraform_data.greeting.output
}

output "hidden" {
  value     = "canary-value-1234"
  sensitive = true
}
"""
SLOW = """
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "touch \\"$FLAG\\"; until test -e \\"$FLAG.go\\"; do echo at work; sleep 0.1; done"
  }
}
"""


@dataclass(frozen=True)
class Root:
    """An OpenTofu root with its own bucket, and the runner in it."""

    folder: Path
    store: ObjectStore
    tofu: Tofu

    @property
    def file(self) -> Path:
        return self.folder / "main.tf"

    def objects(self) -> list[str]:
        listed = self.store.client().list_objects_v2(Bucket=BUCKET)
        return [item["Key"] for item in listed.get("Contents", [])]

    def second(self) -> Tofu:
        """Return what a colleague has: the same root and state, another machine's folder of kept files."""
        tofu = Tofu(
            install.path("tofu"), self.folder, self.tofu.kept.with_name("second"), self.store.variables(),
            lock_patience=1,
        )  # fmt: skip
        tofu.init()
        return tofu


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    folder = tmp_path_factory.mktemp("objectstore")
    yield objectstore.serve_local(folder, install.path("versitygw"), "127.0.0.1", free_port(), "us-east-1")
    assert objectstore.stop_local(folder)


@pytest.fixture
def root(store: ObjectStore, tmp_path: Path) -> Iterator[Root]:
    folder = tmp_path / "opentofu" / "environments" / "e2e"
    folder.mkdir(parents=True)
    (folder / "main.tf").write_text(CONFIGURATION)
    assert store.ensure_bucket(BUCKET)
    tofu = Tofu(install.path("tofu"), folder, tmp_path / "kept", store.variables(), lock_patience=1)
    tofu.init()
    yield Root(folder, store, tofu)
    assert store.delete_bucket(BUCKET, with_objects=True)


def test_a_plan_is_saved_privately_shown_and_applied_once(root: Root) -> None:
    saved, document = root.tofu.plan()
    assert saved.path.stat().st_mode & 0o077 == 0
    assert [change.address for change in parse(document).resources] == ["terraform_data.greeting"]
    assert root.tofu.resources() == []
    root.tofu.apply(root.tofu.saved_plan("e2e"))
    assert root.tofu.resources() == ["terraform_data.greeting"]
    assert root.tofu.outputs() == {"greeting": "hello"}
    assert root.objects() == ["environment.tfstate"]
    with pytest.raises(ConfigurationError, match="no saved plan for e2e") as caught:
        root.tofu.saved_plan("e2e")
    assert "dogitops plan e2e" in (caught.value.hint or "")
    _, document = root.tofu.plan()
    assert parse(document).empty


def test_the_end_is_planned_and_applied_too(root: Root) -> None:
    root.tofu.apply(root.tofu.plan()[0])
    saved, document = root.tofu.plan(destroy=True)
    assert saved.is_destroy
    assert [change.action for change in parse(document).resources] == [Action.DELETE]
    root.tofu.apply(saved)
    assert root.tofu.resources() == []


def test_a_saved_plan_is_refused_when_the_configuration_changed(root: Root) -> None:
    root.tofu.plan()
    root.file.write_text(CONFIGURATION.replace("hello", "goodbye"))
    with pytest.raises(DogitopsError, match="has changed since the plan") as caught:
        root.tofu.saved_plan("e2e")
    assert "dogitops plan e2e" in (caught.value.hint or "")
    root.file.write_text(CONFIGURATION)
    assert root.tofu.saved_plan("e2e").manifest["changes"]


def test_a_new_file_beside_the_configuration_counts_as_a_change(root: Root) -> None:
    root.tofu.plan()
    (root.folder / "more.tf").write_text('output "more" {\n  value = 1\n}\n')
    with pytest.raises(DogitopsError, match="has changed since the plan"):
        root.tofu.saved_plan("e2e")


def test_a_tampered_plan_is_refused(root: Root) -> None:
    saved, _ = root.tofu.plan()
    with saved.path.open("ab") as file:
        file.write(b"x")
    with pytest.raises(DogitopsError, match="not the file that was planned"):
        root.tofu.saved_plan("e2e")


def test_a_stale_plan_is_refused_by_tofu_and_changes_nothing(root: Root) -> None:
    root.tofu.plan()
    other = root.second()
    other.apply(other.plan()[0])
    before = other.outputs()
    with pytest.raises(DogitopsError, match="stale: the state has changed") as caught:
        root.tofu.apply(root.tofu.saved_plan("e2e"))
    assert "dogitops plan e2e" in (caught.value.hint or "")
    assert other.outputs() == before


def test_a_failing_apply_tells_what_tofu_said(root: Root) -> None:
    root.file.write_text(
        CONFIGURATION + 'resource "terraform_data" "bad" {\n'
        '  provisioner "local-exec" {\n    command = "echo no such luck >&2; exit 3"\n  }\n}\n'
    )
    saved, _ = root.tofu.plan()
    with pytest.raises(DogitopsError, match="no such luck"):
        root.tofu.apply(saved)
    assert "terraform_data.greeting" in root.tofu.resources()
    assert root.objects() == ["environment.tfstate"], "the lock must be given back"


def test_the_lock_keeps_a_second_run_out_while_the_first_works(root: Root, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    root.file.write_text(CONFIGURATION + SLOW)
    first = Tofu(
        install.path("tofu"), root.folder, root.tofu.kept, {**root.store.variables(), "FLAG": str(flag)},
        lock_patience=1,
    )  # fmt: skip
    saved, _ = first.plan()
    second = root.second()
    working = threading.Thread(target=first.apply, args=(saved,))
    working.start()
    try:
        wait.until(flag.exists, "the first run to work", timeout=30, interval=0.05)
        assert LOCK in root.objects()
        with pytest.raises(StateLocked, match=r"locked by \S+@\S+ since 20") as caught:
            second.plan()
        held = json.loads(root.store.client().get_object(Bucket=BUCKET, Key=LOCK)["Body"].read())
        assert f"dogitops unlock e2e {held['ID']}" in (caught.value.hint or "")
    finally:
        flag.with_name("flag.go").touch()
        working.join(timeout=60)
    assert LOCK not in root.objects()
    _, document = second.plan()
    assert parse(document).empty


def test_a_second_run_waits_for_the_first_within_its_patience(root: Root, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    root.file.write_text(CONFIGURATION + SLOW)
    first = Tofu(
        install.path("tofu"), root.folder, root.tofu.kept, {**root.store.variables(), "FLAG": str(flag)}
    )  # fmt: skip
    saved, _ = first.plan()
    second = root.second()
    second = Tofu(install.path("tofu"), root.folder, second.kept, root.store.variables(), lock_patience=30)
    working = threading.Thread(target=first.apply, args=(saved,))
    working.start()
    wait.until(flag.exists, "the first run to work", timeout=30, interval=0.05)
    release = threading.Timer(2, flag.with_name("flag.go").touch)
    release.start()
    _, document = second.plan()
    working.join(timeout=60)
    assert parse(document).empty


def leave_a_lock(root: Root, identity: str) -> None:
    """Leave what a run that died leaves."""
    held = {
        "ID": identity, "Operation": "OperationTypeApply", "Info": "", "Who": "ada@laptop", "Version": "1.12.6",
        "Created": "2026-01-02T03:04:05.678Z", "Path": f"{BUCKET}/environment.tfstate",
    }  # fmt: skip
    root.store.client().put_object(Bucket=BUCKET, Key=LOCK, Body=json.dumps(held).encode())


def test_a_stale_lock_is_named_and_removed(root: Root) -> None:
    root.tofu.apply(root.tofu.plan()[0])
    identity = "11111111-2222-3333-4444-555555555555"
    leave_a_lock(root, identity)
    with pytest.raises(StateLocked, match="locked by ada@laptop since 2026-01-02 03:04:05") as caught:
        root.tofu.plan()
    assert f"dogitops unlock e2e {identity}" in (caught.value.hint or "")
    assert caught.value.exit_code == 1
    with pytest.raises(ConfigurationError, match="not by 99999999"):
        root.tofu.unlock("99999999-2222-3333-4444-555555555555")
    assert LOCK in root.objects()
    root.tofu.unlock(identity)
    assert LOCK not in root.objects()
    assert root.tofu.resources() == ["terraform_data.greeting"], "unlocking must not touch the state"
    with pytest.raises(ConfigurationError, match="is not locked"):
        root.tofu.unlock(identity)


def test_a_plan_that_met_a_lock_can_still_be_applied(root: Root) -> None:
    root.tofu.plan()
    leave_a_lock(root, "11111111-2222-3333-4444-555555555555")
    with pytest.raises(StateLocked):
        root.tofu.apply(root.tofu.saved_plan("e2e"))
    root.tofu.unlock("11111111-2222-3333-4444-555555555555")
    root.tofu.apply(root.tofu.saved_plan("e2e"))
    assert root.tofu.outputs() == {"greeting": "hello"}


@pytest.mark.parametrize("verb", ["init", "plan", "resources", "outputs"])
def test_a_server_that_is_down_is_named_by_every_verb(root: Root, verb: str) -> None:
    gone = replace(root.store, endpoint=f"http://127.0.0.1:{free_port()}")
    quick = {"TF_CLI_ARGS_init": "-backend-config=max_retries=1"}  # tofu tries five times otherwise
    Tofu(install.path("tofu"), root.folder, root.tofu.kept, {**root.store.variables(), **quick}).init()
    tofu = Tofu(install.path("tofu"), root.folder, root.tofu.kept, {**gone.variables(), **quick})
    with pytest.raises(DogitopsError, match=r"The S3 server that holds the state of e2e can't be reached") as caught:
        getattr(tofu, verb)()
    assert "Check the endpoint" in (caught.value.hint or "")
    assert caught.value.exit_code == 1


def apply_in_a_process(root: Root, flag: Path) -> subprocess.Popen[bytes]:
    """Start an apply of what was planned in a process of its own, and return when it is at work."""
    root.file.write_text(CONFIGURATION + SLOW)
    saved, _ = root.tofu.plan()
    program = (
        "import sys, pathlib\n"
        "from automation.opentofu.runner import SavedPlan, Tofu\n"
        "binary, root, kept, plan = map(pathlib.Path, sys.argv[1:])\n"
        "Tofu(binary, root, kept, {}).apply(SavedPlan(plan, {}))\n"
    )
    variables = {k: v if isinstance(v, str) else v.reveal() for k, v in root.store.variables().items()}
    child = subprocess.Popen(
        [sys.executable, "-c", program, install.path("tofu"), root.folder, root.tofu.kept, saved.path],
        env={**os.environ, **variables, "PYTHONPATH": ":".join(sys.path), "FLAG": str(flag)},
        stderr=subprocess.PIPE,
    )
    wait.until(flag.exists, "the apply to work", timeout=30, interval=0.05)
    return child


def test_an_interrupted_apply_gives_the_lock_back(root: Root, tmp_path: Path) -> None:
    child = apply_in_a_process(root, tmp_path / "flag")
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert child.returncode != 0
    assert LOCK not in root.objects()
    assert "terraform_data.greeting" in root.tofu.resources(), "what was made must be in the state"


def test_an_apply_whose_dogitops_was_killed_loses_nothing_and_is_waited_for(root: Root, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    child = apply_in_a_process(root, flag)
    child.kill()
    child.communicate(timeout=10)
    assert LOCK in root.objects(), "tofu itself must still be at work"
    release = threading.Timer(2, flag.with_name("flag.go").touch)
    release.start()
    _, document = root.tofu.plan()  # its patience for the lock is one second
    assert flag.with_name("flag.go").exists()
    assert parse(document).empty, "what was made must be in the state"
    assert LOCK not in root.objects()
