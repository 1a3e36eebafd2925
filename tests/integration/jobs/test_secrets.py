"""Secrets from all their sources (a real sops, real programs), seeded into an API, rotated, and looked for in Git."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation import age
from automation.errors import ConfigurationError, DeadlineExceeded, Refused
from automation.jobs.delivery import bootstrap, secrets
from automation.jobs.sites import open_site
from automation.site import Site, lasting
from automation.toolchain import install
from automation.workspace import Workspace
from tests.integration.jobs.declared import MADE, declare, one
from tests.integration.kube.cluster import Cluster

VALUE = "canary-value-of-the-database"
BACKUPS = {"namespace": "velero", "name": "velero-repo-credentials", "keys": {"repository-password": {"generate": 48}}}


def program(site: Site, script: str) -> list[str]:
    """Return the command line of a program in the environment's folder."""
    file = site.root / "vault"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return ["./vault", "read", "database"]


@pytest.fixture
def api(site: Site) -> Iterator[Cluster]:
    """Give a stand-in for the cluster's API, at the place of the site's kubeconfig."""
    with Cluster(site.kubeconfig) as server:
        server.kinds["apps/v1"] = {
            "Deployment": ("deployments", True),
            "StatefulSet": ("statefulsets", True),
            "DaemonSet": ("daemonsets", True),
        }
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def held(api: Cluster, name: str) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in api.find("Secret", name)["data"].items()}


def encrypted(site: Site, content: dict[str, Any], recipient: str | None = None) -> Path:
    """Write a file in the environment's folder, encrypted by SOPS for the environment's own key."""
    identity = lasting.age_identity(site.environment, site.kept / "secrets")
    assert identity is not None
    file = site.root / "secrets.sops.yaml"
    file.write_text(yaml.safe_dump(content))
    recipient = recipient or age.recipient(identity)
    sops = install.path("sops")
    subprocess.run([sops, "encrypt", "--age", recipient, "--in-place", file], check=True, capture_output=True)
    assert VALUE not in file.read_text()
    return file


# -- sources ----------------------------------------------------------------------------------------------------------


def test_a_file_that_sops_encrypted_is_opened_with_the_key_of_the_environment(
    workspace: Workspace, facts: dict[str, Any]
) -> None:
    site = declare(workspace, facts, one(sops="secrets.sops.yaml", key="database.url"))
    encrypted(site, {"database": {"url": VALUE}})
    assert site.secrets()[0].data["url"].reveal() == VALUE


def test_the_key_is_the_same_after_the_cluster_and_on_every_machine(
    workspace: Workspace, facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any
) -> None:
    monkeypatch.setenv("DOGITOPS_SECRETS_KEY", "a canary of thirty-two characters, or more")
    site = declare(workspace, facts, one(sops="secrets.sops.yaml", key="url"))
    encrypted(site, {"url": VALUE})
    site.delete_cluster(keep_foreign=True)
    monkeypatch.setenv("DOGITOPS_STATE", str(tmp_path_factory.mktemp("another machine")))
    assert open_site("there", workspace=workspace).secrets()[0].data["url"].reveal() == VALUE


def test_a_key_from_a_variable_opens_it_too(
    workspace: Workspace, facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = declare(workspace, facts, one(sops="secrets.sops.yaml", key="url"))
    theirs = age.identity(lasting.secret(site.environment, site.kept / "secrets", "theirs", 43))
    encrypted(site, {"url": VALUE}, age.recipient(theirs))
    with pytest.raises(ConfigurationError, match=r"SOPS can't open secrets.sops.yaml"):
        site.secrets()
    monkeypatch.setenv("SOPS_AGE_KEY", theirs.reveal())
    assert open_site("there", workspace=workspace).secrets()[0].data["url"].reveal() == VALUE


def test_what_is_no_secret_can_stand_beside_some(workspace: Workspace, facts: dict[str, Any]) -> None:
    site = declare(workspace, facts, one(plain="an ordinary name"))
    assert site.secrets()[0].data["url"].reveal() == "an ordinary name"


def test_a_command_gives_its_output_and_runs_once(workspace: Workspace, facts: dict[str, Any]) -> None:
    site = declare(workspace, facts)
    argv = program(site, f"echo run >>runs; echo '{VALUE}'")
    site = declare(workspace, facts, one(command=argv), {**one(command=argv), "name": "same"})
    assert [spec.data["url"].reveal() for spec in (*site.secrets(), *site.secrets())] == [VALUE] * 4
    assert (site.root / "runs").read_text() == "run\n"


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("exit 0", "what the command ./vault prints is empty"),
        ("echo ' '", "what the command ./vault prints is empty"),
        (f"echo '{VALUE}'; echo 'sealed' >&2; exit 2", "the command ./vault exited with 2: sealed"),
        (f"echo '{VALUE}'; exec sleep 60", "the command ./vault did not end within 1 s"),
    ],
)
def test_a_command_without_a_value_is_refused_with_its_place_and_not_its_output(
    workspace: Workspace, facts: dict[str, Any], script: str, told: str
) -> None:
    site = declare(workspace, facts)
    site = declare(workspace, facts, one(command=program(site, script), seconds=1))
    with pytest.raises(ConfigurationError, match=r"environments/there/environment.yaml:\d+: app/database") as caught:
        site.secrets()
    assert told in caught.value.message
    assert VALUE not in f"{caught.value.message}{caught.value.hint}"


def test_every_empty_source_is_named_with_file_and_line_before_anything_is_applied(
    workspace: Workspace, facts: dict[str, Any], api: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMPTY", "  \n")
    keys = {
        "absent": {"variable": "NOT_SET"},
        "empty": {"variable": "EMPTY"},
        "missing": {"command": ["no-such-program"]},
        "no-file": {"sops": "none.yaml"},
        "no-key": {"sops": "secrets.sops.yaml", "key": "a.b"},
        "nothing": {"sops": "secrets.sops.yaml", "key": "empty"},
        "plain": {"sops": "plain.yaml"},
    }
    site = declare(workspace, facts, MADE, {"namespace": "app", "name": "all", "keys": keys})
    encrypted(site, {"a": "text", "empty": ""})
    (site.root / "plain.yaml").write_text("plain: readable by everybody\n")
    with pytest.raises(ConfigurationError) as caught:
        bootstrap.bootstrap(site)
    lines = caught.value.message.splitlines()
    assert lines[0] == "7 of the secrets of there have no value:"
    text = (site.root / "environment.yaml").read_text().splitlines()
    for key, told in (
        ("absent", "the variable NOT_SET is not set"),
        ("empty", "the variable EMPTY is empty"),
        ("missing", "the command no-such-program can't be run: no-such-program was not found"),
        ("no-file", "there is no file none.yaml"),
        ("no-key", "the SOPS file secrets.sops.yaml has no value at a.b"),
        ("nothing", "empty in the SOPS file secrets.sops.yaml is empty"),
        ("plain", "the file plain.yaml is not encrypted by SOPS"),
    ):
        [line] = [each for each in lines[1:] if f"app/all {key}: " in each]
        assert told in line
        number = int(line.split(":")[1])
        assert line.startswith("  opentofu/environments/there/environment.yaml:")
        assert text[number - 2].strip() == f"{key}:"  # the mapping begins on the line after its name
    assert api.writes == []


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({"generate": 24, "key": "a"}, "'key' goes with 'sops' alone"),
        ({"variable": "A", "generation": 2}, "'generation' goes with 'generate' alone"),
        ({"sops": "/etc/shadow"}, "keys.url.sops"),
        ({"command": []}, "keys.url.command"),
        ({}, "give exactly one of: variable, generate, objectstore, sops, command, plain"),
    ],
)
def test_a_source_that_makes_no_sense_is_refused(
    workspace: Workspace, facts: dict[str, Any], source: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"environment\.yaml is not as it must be") as caught:
        declare(workspace, facts, one(**source))
    assert told in caught.value.message


# -- seeding ----------------------------------------------------------------------------------------------------------


def test_a_dry_run_shows_what_would_be_done_and_does_nothing(
    workspace: Workspace, facts: dict[str, Any], api: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("URL", VALUE)
    site = declare(workspace, facts, one(variable="URL"), MADE)
    before = [(row.place, row.key, row.source, row.what) for row in secrets.dry_run(site)]
    assert before == [
        ("app/database-secret", "url", "variable URL", "make"),
        ("app/made", "password", "generated", "make"),
    ]
    assert api.writes == []
    assert not (site.kept / "secrets").exists()
    assert [row.what for row in secrets.seed(site)] == ["made", "made"]
    assert held(api, "database-secret") == {"url": VALUE}
    assert [row.what for row in secrets.dry_run(site)] == ["keep", "keep"]
    monkeypatch.setenv("URL", f"{VALUE}-new")
    assert [row.what for row in secrets.dry_run(site)] == ["change", "keep"]
    shown = repr(secrets.dry_run(site))
    assert VALUE not in shown
    assert str(len(VALUE)) not in shown
    writes = len(api.writes)
    assert [row.what for row in secrets.seed(site)] == ["changed", "kept"]
    assert len(api.writes) == writes + 1
    assert [row.what for row in secrets.seed(site)] == ["kept", "kept"]
    assert len(api.writes) == writes + 1


def test_without_a_cluster_all_would_be_made(workspace: Workspace, facts: dict[str, Any]) -> None:
    assert [row.what for row in secrets.dry_run(declare(workspace, facts, MADE))] == ["make"]


def test_a_dry_run_starts_no_server_on_this_machine(workspace: Workspace, facts: dict[str, Any]) -> None:
    facts.pop("objectstore")
    declared = {"namespace": "velero", "name": "keys", "keys": {"cloud": {"objectstore": "aws-credentials"}}}
    site = declare(workspace, facts, declared)
    assert [row.what for row in secrets.dry_run(site)] == ["make"]
    assert site.sources.readable() == ([], ["velero/keys cloud"])
    assert not (site.kept / "objectstore").exists()
    (site.kept / "objectstore").mkdir()
    for name in ("access-key", "secret-key"):
        (site.kept / "objectstore" / name).write_text(f"canary-of-the-{name}")
    [known], _ = site.sources.readable()
    assert known.value is not None
    assert "aws_secret_access_key=canary-of-the-secret-key" in known.value.reveal()


def test_a_file_for_another_key_makes_no_key_here(workspace: Workspace, facts: dict[str, Any]) -> None:
    site = declare(workspace, facts, one(sops="secrets.sops.yaml", key="url"))
    (site.root / "secrets.sops.yaml").write_text("url: ENC[AES256_GCM,data:x]\nsops: {version: 3.13.3}\n")
    with pytest.raises(ConfigurationError, match=r"SOPS can't open secrets\.sops\.yaml"):
        secrets.dry_run(site)
    assert not (site.kept / "secrets").exists()


def test_pull_secrets_have_their_type(
    workspace: Workspace, facts: dict[str, Any], api: Cluster, monkeypatch: Any
) -> None:
    monkeypatch.setenv("PULL", json.dumps({"auths": {}}))
    keys = {".dockerconfigjson": {"variable": "PULL"}}
    declared = {"namespace": "app", "name": "pull", "type": "kubernetes.io/dockerconfigjson", "keys": keys}
    secrets.seed(declare(workspace, facts, declared))
    assert api.find("Secret", "pull")["type"] == "kubernetes.io/dockerconfigjson"


# -- rotation ---------------------------------------------------------------------------------------------------------


def deployment(api: Cluster, name: str, *containers: dict[str, Any], ready: int = 1, **spec: Any) -> None:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": list(containers), **spec}}
    status = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": ready, "readyReplicas": ready}
    api.put(
        *("apps/v1", "Deployment", name, "app"),
        metadata={"generation": 1},
        spec={"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template},
        status=status,
    )


def reads(secret: str) -> dict[str, Any]:
    return {"name": "a", "env": [{"name": "P", "valueFrom": {"secretKeyRef": {"name": secret, "key": "password"}}}]}


def test_rotation_makes_a_new_value_restarts_what_reads_it_and_forgets_the_old_one(
    workspace: Workspace, facts: dict[str, Any], api: Cluster
) -> None:
    site = declare(workspace, facts, MADE, BACKUPS)
    secrets.seed(site)
    before, kept = held(api, "made")["password"], held(api, "velero-repo-credentials")
    deployment(api, "by-variable", reads("made"))
    deployment(api, "by-file", {"name": "a"}, volumes=[{"name": "v", "secret": {"secretName": "made"}}])
    deployment(api, "by-all", {"name": "a", "envFrom": [{"secretRef": {"name": "made"}}]})
    deployment(api, "pulls-only", {"name": "a"}, imagePullSecrets=[{"name": "made"}])
    deployment(api, "another", reads("other"))
    rotations = secrets.to_rotate(site, None)
    assert [(each.declaration.place, each.key) for each in rotations] == [("app/made", "password")]
    assert [each.name for each in secrets.rotate(site, rotations)] == ["by-all", "by-file", "by-variable"]
    after = held(api, "made")["password"]
    assert after != before
    assert len(after) == 24
    assert held(api, "velero-repo-credentials") == kept
    restarted = {
        one["metadata"]["name"]
        for path, one in api.objects.items()
        if "/deployments/" in path and one["spec"]["template"]["metadata"].get("annotations")
    }
    assert restarted == {"by-all", "by-file", "by-variable"}
    assert sorted(path.name for path in (site.kept / "secrets").glob("app.*")) == ["app.made.password.2"]
    told = yaml.safe_load((site.root / "environment.yaml").read_text())["secrets"][0]["keys"]["password"]
    assert told == {"generate": 24, "generation": 2}
    assert [row.what for row in secrets.dry_run(open_site("there", workspace=workspace))] == ["keep", "keep"]


def test_the_old_value_is_kept_until_the_workloads_run_with_the_new_one(
    workspace: Workspace, facts: dict[str, Any], api: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "_PATIENCE", 0.2)
    site = declare(workspace, facts, MADE)
    secrets.seed(site)
    before = held(api, "made")["password"]
    deployment(api, "stuck", reads("made"), ready=0)
    with pytest.raises(DeadlineExceeded, match=r"0 of 1 pods are ready.*The old values are kept") as caught:
        secrets.rotate(site, secrets.to_rotate(site, "made"))
    assert "lower the generations" in (caught.value.hint or "")
    file = site.root / "environment.yaml"
    file.write_text(file.read_text().replace("generation: 2", "generation: 1"))
    secrets.seed(open_site("there", workspace=workspace))
    assert held(api, "made")["password"] == before


def test_what_runs_with_an_older_value_is_restarted_when_asked(
    workspace: Workspace, facts: dict[str, Any], api: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    site = declare(workspace, facts, MADE)
    secrets.seed(site)
    deployment(api, "old", reads("made"))
    deployment(api, "new", reads("made"))
    changed = {"manager": "dogitops", "time": "2026-02-01T10:00:00Z"}
    api.find("Secret", "made")["metadata"]["managedFields"] = [
        changed,
        {"manager": "other", "time": "2027-01-01T00:00:00Z"},
    ]
    for name, age_of_pod in (("old", "2026-02-01T09:59:59Z"), ("new", "2026-02-01T10:00:00Z")):
        metadata = {"labels": {"app": name}, "creationTimestamp": age_of_pod}
        api.put("v1", "Pod", f"{name}-1", "app", metadata=metadata, status={"phase": "Running"})
    secrets.seed(site)
    assert "still run with the old values: Deployment app/old." in capfd.readouterr().err
    secrets.seed(site, restart=True)
    assert "restarted-at" in str(api.find("Deployment", "old"))
    assert "restarted-at" not in str(api.find("Deployment", "new"))


def test_what_would_lose_data_is_never_made_anew(workspace: Workspace, facts: dict[str, Any], api: Cluster) -> None:
    declared = {"namespace": "app", "name": "disk", "keys": {"key": {"generate": 32, "permanent": "the disk needs it"}}}
    site = declare(workspace, facts, BACKUPS, declared)
    for name, told in (("velero/velero-repo-credentials", "could never be read again"), ("disk", "the disk needs it")):
        with pytest.raises(Refused, match=told):
            secrets.to_rotate(site, name)
    assert api.writes == []


def test_what_is_not_made_here_is_not_rotated_here(
    workspace: Workspace, facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("URL", VALUE)
    site = declare(workspace, facts, one(variable="URL"))
    with pytest.raises(ConfigurationError, match="the values come from variable URL"):
        secrets.to_rotate(site, "database-secret")
    with pytest.raises(ConfigurationError, match="Did you mean 'app/database-secret'"):
        secrets.to_rotate(site, "app/databse-secret")


def test_what_is_derived_has_a_value_for_each_generation(
    workspace: Workspace, facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOGITOPS_SECRETS_KEY", "a canary of thirty-two characters, or more")
    values = []
    for source in ({"generate": 24}, {"generate": 24, "generation": 1}, {"generate": 24, "generation": 2}):
        site = declare(workspace, facts, one(**source))
        values.append(site.secrets()[0].data["url"].reveal())
    assert values[0] == values[1] != values[2]
