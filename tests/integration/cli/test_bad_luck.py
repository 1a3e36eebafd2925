"""Bad input and bad luck, through the command line: one clear error, what to do, the documented exit code."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from automation import wait
from automation.recovery import evidence, evidence_report
from tests.integration.cli.conftest import Place


def test_an_unknown_environment(place: Place) -> None:
    done = place.run("plan", "theer")
    assert done.code == 2
    assert "There is no environment 'theer'. Did you mean 'there'?" in done.told
    assert "what to do: Known environments: there." in done.told
    assert done.out == "", "errors are no results"


def test_no_repository(place: Place, tmp_path: Path) -> None:
    done = place.run("plan", "there", DOGITOPS_ROOT=str(tmp_path))
    assert done.code == 2
    assert "No dogitops repository at or above" in done.told
    assert "DOGITOPS_ROOT" in done.told


def test_a_malformed_environment_file(place: Place) -> None:
    place.file.write_text("cluster: [")
    done = place.run("status", "there")
    assert done.code == 2
    assert "opentofu/environments/there/environment.yaml is not valid YAML" in done.told
    assert "what to do: Correct opentofu/environments/there/environment.yaml" in done.told


def test_an_unknown_key_in_the_environment_file(place: Place) -> None:
    place.change(clutser={})
    done = place.run("destroy", "there")
    assert done.code == 2
    assert "clutser: unknown key. Did you mean 'cluster'?" in done.told


def test_an_unknown_provider(place: Place) -> None:
    done = place.run("plan", "there", "--provider", "k3s")
    assert done.code == 2
    assert "There is no provider 'k3s'. Did you mean 'k3d'?" in done.told
    assert "auto, kind, k3d, existing" in done.told


def test_a_missing_variable_is_named(place: Place) -> None:
    done = place.run("plan", "there", SPACES_SECRET_ACCESS_KEY="")
    assert done.code == 2
    assert "SPACES_SECRET_ACCESS_KEY is not set; it holds the S3 secret key" in done.told


def here(place: Place) -> None:
    """Make the environment one of this machine: its S3 server listens on docker's bridge."""
    place.change(objectstore={"port": 17999}, cluster={"provider": "kind", "name": "dogitops-unit"})


@pytest.mark.parametrize("arguments", [("plan", "there"), ("up", "there"), ("cluster", "create", "there")])
def test_a_missing_docker_that_may_not_be_installed(place: Place, bare_path: str, arguments: tuple[str, ...]) -> None:
    here(place)
    done = place.run(*arguments, PATH=bare_path, DOCKER_HOST="")
    assert done.code == 2
    assert "docker.io must be installed" in done.told or "docker.io iptables must be installed" in done.told
    assert "what to do: Debian and Ubuntu: 'sudo apt-get install" in done.told


def test_a_missing_docker_for_a_user_who_is_not_root(place: Place, bare_path: str) -> None:
    here(place)
    before: tuple[str, ...] = ()
    if os.geteuid() == 0:
        unshare = shutil.which("unshare")
        if unshare is None or subprocess.run([unshare, "--user", "true"], check=False, capture_output=True).returncode:
            pytest.skip("this machine allows no user namespaces, and we are root")
        before = (unshare, "--user")
    (Path(bare_path) / "apt-get").symlink_to("/bin/false")  # there, but not for us
    done = place.run("plan", "there", before=before, PATH=bare_path, DOCKER_HOST="")
    assert done.code == 2
    assert "must be installed" in done.told
    assert "sudo apt-get install" in done.told


def test_an_s3_server_that_is_down(place: Place) -> None:
    done = place.run("plan", "there")
    assert done.code == 1
    assert "The S3 server http://127.0.0.1:9 can't be reached" in done.told
    assert "what to do:" in done.told


def test_a_secret_never_shows_in_an_error(place: Place) -> None:
    place.change(objectstore={"endpoint": "http://127.0.0.1:9/canary-value-1"})
    assert "canary" not in place.run("plan", "there").told


def test_no_evidence_yet(place: Place) -> None:
    done = place.run("evidence", "there")
    assert done.code == 2
    assert "There is no evidence for there yet" in done.told
    assert "dogitops drill there" in done.told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("cluster", "delete", "there"), "Nothing was deleted."),
        (("drill", "there"), "No drill was run."),
    ],
)
def test_destroying_without_a_yes_is_refused(place: Place, arguments: tuple[str, ...], told: str) -> None:
    done = place.run(*arguments)
    assert done.code == 3
    assert told in done.told
    assert "give --yes" in done.told


def test_a_cluster_of_somebody_else_is_not_deleted(place: Place) -> None:
    done = place.run("cluster", "delete", "there", "--yes")
    assert done.code == 3
    assert "was not made by dogitops" in done.told


def test_forged_evidence_exits_with_5(place: Place) -> None:
    key = evidence.SigningKey.kept_in(place.kept / "secrets" / "evidence.pem")
    told = {
        "environment": "there", "provider": "kind", "run": "r", "commit": "c", "backup": "b",
        "started": 0, "finished": 9, "phases": [], "rto_seconds": 1, "rpo_seconds": 1,
        "data": {"entries": 1, "bytes": 1, "missing": 0, "changed": 0, "extra": 0, "file": "intact"},
        "objects": {"compared": 1, "missing": 0, "unexpected": 0, "changed": 0, "differences": []},
        "coverage": [{"pvc": "app/data", "bytes": 1}], "versions": {}, "verdict": "passed", "reasons": [],
        "limits": [],
    }  # fmt: skip
    file, _ = evidence_report.write(place.kept / "evidence", evidence.Evidence.model_validate(told), key)
    whole = place.run("evidence", "there")
    assert whole.code == 0, whole.told
    assert "The signature" in whole.told
    file.write_text(file.read_text().replace("passed", "failed"))
    forged = place.run("evidence", "there")
    assert forged.code == 5
    assert "error:" in forged.told


def test_a_full_disk_names_the_place_and_loses_nothing(
    place: Place, tmp_path: Path, own_namespace: tuple[str, ...]
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (tmp_path / "kubeconfig").write_text("x" * 200_000)
    script = tmp_path / "on-a-tiny-disk"
    script.write_text(
        "#!/bin/sh\n"
        f"mount -t tmpfs -o size=64k tmpfs {kept} || exit 99\n"
        f"mkdir -p {kept}/there; echo old >{kept}/there/kubeconfig\n"
        f'"$@"; code=$?; cat {kept}/there/kubeconfig; exit $code\n'
    )
    script.chmod(0o755)
    done = place.run("cluster", "kubeconfig", "there", before=(*own_namespace, str(script)), DOGITOPS_STATE=str(kept))
    assert done.code == 1, done.told
    assert f"No space left on device: {kept}/there/kubeconfig" in done.told
    assert "'df -h' shows which disk is full" in done.told
    assert done.out.strip() == "old", "the file that was there must stay whole"


def test_a_result_that_can_not_be_written(place: Place) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "automation", "cluster", "kubeconfig", "there"],
            cwd=place.root, env={**os.environ, **place.variables}, stdout=full, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves_early_is_no_error_to_tell(place: Place) -> None:
    child = place.start("tools", "list")
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    told = child.stderr.read()
    child.wait(timeout=30)
    assert "Traceback" not in told
    child.stderr.close()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_says_so_and_exits_with_130(place: Place, sign: int) -> None:
    with socket.socket() as silent:  # a server that accepts, and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        place.change(objectstore={"endpoint": f"http://127.0.0.1:{silent.getsockname()[1]}"})
        child = place.start("plan", "there")
        connection, _ = silent.accept()
        child.send_signal(sign)
        _, told = child.communicate(timeout=30)
        connection.close()
    assert child.returncode == 130
    assert "error: Interrupted." in told
    assert "Run the same command again" in " ".join(told.split())
    assert "Traceback" not in told


SLOW_TO_END = """\
import sys
from automation import cli, process

@cli.app.command()
def work() -> None:
    process.run(["sh", "-c", "trap 'sleep 1; touch released; exit' INT; touch works; while :; do sleep 0.1; done"])

sys.argv = ["dogitops", "work"]
cli.main()
"""


def test_a_cancelled_job_ends_once_what_it_runs_has_ended(tmp_path: Path) -> None:
    """GitHub's runner sends SIGINT, and SIGTERM while tofu may still be giving its lock back."""
    child = subprocess.Popen(
        [sys.executable, "-c", SLOW_TO_END],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": ":".join(sys.path)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait.until((tmp_path / "works").exists, "the work to begin", timeout=60, interval=0.05)
    child.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(timeout=0.3)
    child.send_signal(signal.SIGTERM)
    _, told = child.communicate(timeout=60)
    assert (tmp_path / "released").exists(), "it did not wait for what it runs"
    assert child.returncode == 130
    assert "error: Interrupted." in told


@pytest.mark.parametrize("width", ["30", "60", "200"])
def test_errors_keep_every_word_on_narrow_terminals(place: Place, width: str) -> None:
    done = place.run("plan", "theer", COLUMNS=width)
    assert done.code == 2
    assert "There is no environment 'theer'. Did you mean 'there'?" in done.told
    assert "Each is a folder of opentofu/environments with an environment.yaml." in done.told


def test_errors_become_annotations_under_actions(place: Place) -> None:
    done = place.run("plan", "theer", GITHUB_ACTIONS="true")
    assert done.code == 2
    annotation = next(line for line in done.out.splitlines() if line.startswith("::error::"))
    assert "There is no environment 'theer'" in annotation
    assert "%0A" in annotation, "an annotation is one line"
