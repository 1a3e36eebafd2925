"""Envelopes and locks in a real S3 server with real tofu: from a plan in one clone to that very apply in another."""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automation import objectstore
from automation.errors import DogitopsError
from automation.locks import Holder, LockHeld
from automation.objectstore import ConditionNotMet, ObjectStore
from automation.opentofu.envelope import Key, Manifest, seal, unseal
from automation.opentofu.envelope.store import EnvelopeMissing, Envelopes, newest
from automation.opentofu.locks import BucketLocks
from automation.opentofu.outcome import State
from automation.opentofu.runner import Tofu
from automation.secret import Secret
from automation.toolchain import install

pytestmark = pytest.mark.e2e

BUCKET = "dogitops-e2e-state"
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

module "greeting" {
  source = "../../modules/greeting"
}
"""
MODULE = 'resource "terraform_data" "greeting" {\n  input = "hello"\n}\n'
HALF_WAY = """
variable "secret" {
  default   = "canary-from-a-sensitive-variable"
  sensitive = true
}

resource "terraform_data" "fails" {
  depends_on = [module.greeting]
  provisioner "local-exec" {
    command     = "echo boom $SECRET >&2; exit 3"
    environment = { SECRET = var.secret }
  }
}

resource "terraform_data" "never" {
  input = terraform_data.fails.output
}
"""
KEY = Key.from_secret(Secret("0123456789abcdef" * 4))


@dataclass(frozen=True)
class Clone:
    """A clone of the repository, with a runner that shares nothing with other clones but the state."""

    root: Path
    tofu: Tofu

    @property
    def folder(self) -> Path:
        return self.root / "opentofu" / "environments" / "e2e"

    def sealed(self, number: int = 1) -> bytes:
        """Plan and seal as a pull request does."""
        self.tofu.init()
        self.tofu.plan()
        lineage, serial = self.tofu.state_identity()
        made = datetime.now(UTC)
        manifest = Manifest(
            repository="ada/engine", pull_request=number, head_sha="a" * 40, base_sha="b" * 40, tree="c" * 40,
            environment="e2e", tofu_version=self.tofu.version(), lock_digest=self.tofu.lock_digest(),
            configuration=self.tofu.configuration_digest(), lineage=lineage, serial=serial, plan_digest="f" * 64,
            created=made, expires=made + timedelta(hours=1),
        )  # fmt: skip
        return seal(manifest, self.tofu.export_plan(), KEY)

    def open(self, blob: bytes) -> Manifest:
        opened = unseal(blob, KEY)
        self.tofu.init()
        self.tofu.import_plan(opened.files, opened.manifest.model_dump(mode="json"))
        return opened.manifest


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    folder = tmp_path_factory.mktemp("objectstore")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    yield objectstore.serve_local(folder, install.path("versitygw"), "127.0.0.1", port, "us-east-1")
    assert objectstore.stop_local(folder)


@pytest.fixture
def bucket(store: ObjectStore) -> Iterator[str]:
    assert store.ensure_bucket(BUCKET)
    yield BUCKET
    assert store.delete_bucket(BUCKET, with_objects=True)


def clone(store: ObjectStore, root: Path, more: str = "") -> Clone:
    folder, module = root / "opentofu" / "environments" / "e2e", root / "opentofu" / "modules" / "greeting"
    folder.mkdir(parents=True)
    module.mkdir(parents=True)
    (folder / "main.tf").write_text(CONFIGURATION + more)
    (folder / "environment.yaml").write_text("description: x\n")
    (module / "main.tf").write_text(MODULE)
    return Clone(root, Tofu(install.path("tofu"), folder, root / "kept", store.variables(), lock_patience=1))


def test_exactly_the_plan_of_the_pull_request_is_applied_in_another_clone(
    store: ObjectStore, bucket: str, tmp_path: Path
) -> None:
    envelopes = Envelopes(store, bucket)
    envelopes.put(clone(store, tmp_path / "plan").sealed())
    there = clone(store, tmp_path / "apply")
    found = newest(envelopes, "e2e", 1, repository="ada/engine")
    there.open(envelopes.get(found))
    outcome = there.tofu.apply(there.tofu.saved_plan("e2e"))
    assert outcome.ok
    assert [(step.address, step.state) for step in outcome.steps] == [
        ("module.greeting.terraform_data.greeting", State.DONE)
    ]
    assert there.tofu.resources() == ["module.greeting.terraform_data.greeting"]
    envelopes.remove(found)
    with pytest.raises(EnvelopeMissing):
        newest(envelopes, "e2e", 1)


def test_a_changed_module_in_the_other_clone_is_noticed(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    blob = clone(store, tmp_path / "plan").sealed()
    there = clone(store, tmp_path / "apply")
    (there.root / "opentofu" / "modules" / "greeting" / "main.tf").write_text(MODULE.replace("hello", "goodbye"))
    with pytest.raises(DogitopsError, match="another configuration of e2e"):
        there.open(blob)
    assert there.tofu.resources() == []


def test_a_state_that_moved_on_is_known_by_its_serial_and_refused_by_tofu(
    store: ObjectStore, bucket: str, tmp_path: Path
) -> None:
    here, there = clone(store, tmp_path / "plan"), clone(store, tmp_path / "apply")
    here.tofu.init()
    assert here.tofu.state_identity() == ("", 0)
    blob = here.sealed()
    here.tofu.apply(here.tofu.saved_plan("e2e"))
    lineage, serial = here.tofu.state_identity()
    assert lineage
    assert serial > 0
    manifest = there.open(blob)
    assert (manifest.lineage, manifest.serial) != there.tofu.state_identity()
    with pytest.raises(DogitopsError, match="stale: the state has changed"):
        there.tofu.apply(there.tofu.saved_plan("e2e"))
    assert there.tofu.state_identity() == (lineage, serial)


def test_an_apply_that_fails_half_way_says_so_and_keeps_a_sensitive_value_to_itself(
    store: ObjectStore, bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = clone(store, tmp_path / "plan", HALF_WAY)
    here.tofu.init()
    saved, _ = here.tofu.plan()
    with pytest.raises(DogitopsError, match="exit status 3") as caught:
        here.tofu.apply(saved)
    outcome = here.tofu.outcome
    assert outcome is not None
    assert {step.address: step.state for step in outcome.steps} == {
        "module.greeting.terraform_data.greeting": State.DONE,
        "terraform_data.fails": State.FAILED,
        "terraform_data.never": State.NOT_STARTED,
    }
    told = caught.value.message + repr(outcome) + "".join(capsys.readouterr())
    assert "canary" not in told
    assert "on main.tf line" in told


def test_a_refresh_only_plan_finds_nothing_where_nothing_moved(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    here = clone(store, tmp_path / "plan")
    here.tofu.init()
    here.tofu.apply(here.tofu.plan()[0])
    saved, document = here.tofu.plan(refresh_only=True)
    assert not saved.manifest["changes"]
    assert document.get("resource_drift", []) == []


def test_broken_configuration_is_told_with_file_and_line(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    here = clone(store, tmp_path / "plan", 'resource "terraform_data" "x" {\n  inputt = 1\n}\n')
    here.tofu.init()
    with pytest.raises(DogitopsError, match=r"on main.tf line 21") as caught:
        here.tofu.plan()
    assert caught.value.exit_code == 2
    (here.folder / "main.tf").write_text('module "x" {\n')
    with pytest.raises(DogitopsError, match=r"on main.tf line 1") as caught:
        here.tofu.init()
    assert caught.value.exit_code == 2


PROVIDER = "registry.opentofu.org/ada/engine"


def test_inits_at_once_share_one_provider_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Providers come from a mirror of files, zipped as a registry has them; init installs and never runs them."""
    mirror, target = tmp_path / "mirror", f"linux_{'arm64' if platform.machine() == 'aarch64' else 'amd64'}"
    (mirror / PROVIDER).mkdir(parents=True)
    with zipfile.ZipFile(mirror / PROVIDER / f"terraform-provider-engine_1.2.3_{target}.zip", "w") as archive:
        archive.writestr("terraform-provider-engine_v1.2.3", os.urandom(2_000_000))
    (tmp_path / "tofurc").write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{mirror}" }}\n}}\n')
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "tofurc"))
    tofu = install.path("tofu")  # from the cache that there is
    monkeypatch.setenv("DOGITOPS_CACHE", str(tmp_path / "cache"))
    runners = []
    for name in ("a", "b", "c", "d"):
        root = tmp_path / "opentofu" / "environments" / name
        root.mkdir(parents=True)
        (root / "main.tf").write_text(
            'terraform {\n  required_providers {\n    engine = { source = "ada/engine" }\n  }\n}\n'
        )
        runners.append(Tofu(tofu, root, tmp_path / "kept" / name, {}))
    with ThreadPoolExecutor() as pool:
        list(pool.map(Tofu.init, runners))
        list(pool.map(Tofu.init, runners))  # with the lock files that the first ones made
    cached = tmp_path / "cache" / "providers" / PROVIDER / "1.2.3" / target
    assert [file.stat().st_size for file in cached.iterdir()] == [2_000_000]
    for runner in runners:
        installed = runner.kept / "terraform" / "providers" / PROVIDER / "1.2.3" / target
        assert installed.resolve() == cached.resolve(), "each uses the one copy"


def test_the_real_server_honours_conditions(store: ObjectStore, bucket: str) -> None:
    assert BucketLocks(store, bucket).probe()
    assert store.objects(bucket, "") == []
    store.write(bucket, "key", b"1", new=True)
    found = store.read(bucket, "key")
    assert found is not None
    for condition in ({"new": True}, {"replacing": '"other"'}):
        with pytest.raises(ConditionNotMet):
            store.write(bucket, "key", b"2", **condition)  # type: ignore[arg-type]
    store.remove(bucket, "key")
    with pytest.raises(ConditionNotMet):
        store.write(bucket, "key", b"2", replacing=found.etag)
    store.write(bucket, "empty", b"")
    beginning = store.read(bucket, "empty", first=10)
    assert beginning is not None
    assert beginning.body == b""


RACER = """
import json, sys
from automation.locks import Holder, LockHeld
from automation.objectstore import ObjectStore
from automation.opentofu.locks import BucketLocks
from automation.secret import Secret

told = json.load(sys.stdin)
store = ObjectStore(told["endpoint"], told["region"], Secret(told["access"]), Secret(told["secret"]))
locks, holder = BucketLocks(store, told["bucket"]), Holder("ada/engine", told["number"])
store.objects(told["bucket"], "")
print("ready", flush=True)
sys.stdin = open("/dev/null")
while not __import__("os").path.exists(told["start"]):
    pass
for round in range(told["rounds"]):
    try:
        locks.acquire(f"e{round}", holder)
        print("won", round, flush=True)
    except LockHeld as held:
        print("lost", round, held.lock.holder.pull_request, flush=True)
"""


def test_of_processes_that_race_for_a_lock_exactly_one_wins(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    rounds, numbers = 20, (1, 2, 3)
    told = {
        "endpoint": store.endpoint, "region": store.region, "access": store.access_key.reveal(), "bucket": bucket,
        "secret": store.secret_key.reveal(), "start": str(tmp_path / "start"), "rounds": rounds,
    }  # fmt: skip
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        )
        for _ in numbers
    ]  # fmt: skip
    for racer, number in zip(racers, numbers, strict=True):
        assert racer.stdin is not None
        assert racer.stdout is not None
        racer.stdin.write(json.dumps({**told, "number": number}))
        racer.stdin.close()
        racer.stdin = None
        assert racer.stdout.readline() == "ready\n"
    (tmp_path / "start").touch()
    lines = {
        number: racer.communicate(timeout=120)[0].split("\n")[:-1]
        for racer, number in zip(racers, numbers, strict=True)
    }
    held = {lock.environment: lock.holder.pull_request for lock in BucketLocks(store, bucket).held()}
    assert len(held) == rounds
    for round_ in range(rounds):
        winner = held[f"e{round_}"]
        for number in numbers:
            expected = f"won {round_}" if number == winner else f"lost {round_} {winner}"
            assert lines[number][round_] == expected


def test_a_lock_goes_from_one_pull_request_to_the_next(store: ObjectStore, bucket: str) -> None:
    locks = BucketLocks(store, bucket)
    one, two = Holder("ada/engine", 1, "ada"), Holder("ada/engine", 2, "bob")
    locks.acquire("e2e", one)
    with pytest.raises(LockHeld):
        locks.acquire("e2e", two)
    assert locks.release("e2e", one)
    locks.acquire("e2e", two)
    assert locks.steal("e2e", one, "on purpose").stolen_from == two
    assert [event["what"] for event in locks.history("e2e")] == ["taken", "released", "taken", "stolen"]
