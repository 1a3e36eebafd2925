"""The todo design's set-up and clean-up with the real provider on a simulated account: nothing is left."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from automation.process import run
from tests.e2e.digitalocean.test_modules import OPENTOFU, ROOT, account, left, of
from tests.integration.simulators.digitalocean.ocean import client_of

pytestmark = [pytest.mark.e2e, pytest.mark.thorough]

RULE = {"entry_protocol": "tcp", "entry_port": 80, "target_protocol": "tcp", "target_port": 80}


def test_what_is_set_up_is_cleaned_up_with_all_that_the_cluster_made(
    configuration: dict[str, str], tmp_path: Path
) -> None:
    shutil.copytree(OPENTOFU, tmp_path / "opentofu", ignore=shutil.ignore_patterns(".terraform*"))
    shutil.copytree(ROOT / "gitops", tmp_path / "gitops")
    folder = tmp_path / "opentofu" / "environments" / "todo"
    shutil.copy(folder / "environment.example.yaml", folder / "environment.yaml")
    with account(configuration, tmp_path / "spaces") as (cloud, variables):
        here = {
            "DOGITOPS_ROOT": str(tmp_path),
            "DOGITOPS_STATE": str(tmp_path / "kept"),
            "SPACES_ENDPOINT_URL": "http://nyc3.digitaloceanspaces.com",  # through the proxy that serves them
            "NO_PROXY": "127.0.0.1,localhost",
            "DOGITOPS_SECRETS_KEY": "a canary of thirty-two characters, or more",
        }
        env = {name: value for name, value in (variables | here).items() if name != "TF_PLUGIN_CACHE_DIR"}
        of(folder, variables).tofu("init", "-backend=false", "-input=false")  # locks the provider

        def dogitops(*words: str, code: int = 0, stdin: str | None = None, **more: str) -> str:
            done = run([sys.executable, "-m", "automation", *words], cwd=ROOT, env=env | more, check=False, stdin=stdin)
            assert done.returncode == code, done.text
            return done.text

        assert "digitalocean_kubernetes_cluster.this" in dogitops("plan", "todo")
        assert "dogitops-todo-registry" in dogitops("apply", "todo")
        api = client_of(cloud)
        (cluster,) = api.kubernetes.list_clusters()["kubernetes_clusters"]
        assert cluster["maintenance_policy"]["day"] == "saturday"
        assert [pool["auto_scale"] for pool in cluster["node_pools"]] == [False, True]

        told = dogitops("verify", "todo", code=5)  # the kubeconfig is fetched; behind this cluster is no API
        assert "does not answer, or is not ready" in told
        assert (tmp_path / "kept/todo/kubeconfig").stat().st_mode & 0o077 == 0
        told = dogitops("bootstrap", "todo", code=2)
        assert "of the secrets of todo have no value" in told
        assert "environment.yaml:" in told
        assert "the variable TODO_DATABASE_URL is not set" in told

        mark = {"region": "nyc1", "tags": [f"k8s:{cluster['id']}"]}
        api.load_balancers.create({**mark, "name": "todo-app-lb", "forwarding_rules": [RULE]})
        api.volumes.create({**mark, "name": "pvc-kafka-0", "size_gigabytes": 10})
        told = dogitops("destroy", "todo", code=3, stdin="todo\n", TF_VAR_keep_data="false")
        assert "Type dogitops-todo to go on" in told
        assert len(api.load_balancers.list()["load_balancers"]) == 1
        told = dogitops("destroy", "todo", stdin="dogitops-todo\n", TF_VAR_keep_data="false")
        assert "gone with it: 1 load balancers, 1 volumes, 0 snapshots" in told
        assert left(cloud) == {"spaces": ["dogitops-todo-state"]}
