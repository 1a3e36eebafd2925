from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_subprocess import FakeProcess

from automation.clusters.base import ClusterSpec
from automation.clusters.kind import KindProvider
from automation.errors import ConfigurationError, DeadlineExceeded, DogitopsError, Refused

NAME = "dogitops-t"
NODE = f"{NAME}-control-plane"
WORKER = f"{NAME}-worker"
SPEC = ClusterSpec(NAME)
PS = ["docker", "ps", "-a", "--filter", f"label=io.x-k8s.kind.cluster={NAME}", "--format", "{{.Names}}"]
NODES_READY = ["docker", "exec", NODE, "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "get", "nodes"]


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KindProvider:
    monkeypatch.setenv("DOGITOPS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    return KindProvider(tmp_path / "kind", "kindest/node:v1.34.4", patience=5)


def marked(fp: FakeProcess, digest: str | None) -> None:
    """Let the first node carry the mark of a cluster made from ``digest``, or none."""

    def copy(process: Any) -> None:
        if digest is not None:
            Path(process.args[-1]).write_text(digest)

    fp.register(["docker", "cp", f"{NODE}:/dogitops-spec", fp.any()], returncode=digest is None, callback=copy)


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def runs_for_real(fp: FakeProcess, provider: KindProvider) -> None:
    """Let kind be run, alone and under its keeper."""
    fp.pass_command([sys.executable, "-m", "automation.keeper", fp.any()])
    fp.pass_command([str(provider.binary), fp.any()])


def made(fp: FakeProcess, nodes: int = 1) -> None:
    """Let everything after `kind create cluster` go well."""
    fp.register(["docker", "exec", NODE, "iptables", fp.any()], occurrences=2)
    fp.register([*NODES_READY, fp.any()], stdout="True\n" * nodes)
    fp.register(["docker", "cp", fp.any(), f"{NODE}:/dogitops-spec"])


def ran(fp: FakeProcess) -> list[str]:
    return [" ".join(map(str, call)) for call in fp.calls]


def test_a_cluster_is_made_marked_last_and_its_kubeconfig_is_private(
    fp: FakeProcess, provider: KindProvider, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    script(provider.binary, f'cat >{told}; env | grep ^KIND_ >>{told}.env; echo "$@" >{told}.argv; touch "$9"')
    runs_for_real(fp, provider)
    fp.register(PS, stdout="", occurrences=2)  # nothing is there yet
    fp.register(PS, stdout=f"{NODE}\n", occurrences=9)
    fp.keep_last_process(True)
    made(fp, nodes=3)
    kubeconfig = tmp_path / "kept" / "kubeconfig"
    kubeconfig.parent.mkdir()
    spec = ClusterSpec(NAME, 1, 2, (("quay.io/hosts.toml", 'server = "x"'),))
    provider.create(spec, kubeconfig)

    argv = Path(f"{told}.argv").read_text().split()
    assert argv[:2] == ["create", "cluster"]
    assert argv[argv.index("--name") + 1] == NAME
    assert argv[argv.index("--image") + 1] == "kindest/node:v1.34.4"
    assert argv[argv.index("--kubeconfig") + 1] == str(kubeconfig)
    assert "--retain" in argv, "kind would remove what we want to gather logs from"
    assert f"KIND_EXPERIMENTAL_DOCKER_NETWORK={NAME}" in Path(f"{told}.env").read_text()
    configuration = json.loads(told.read_text())
    assert [node["role"] for node in configuration["nodes"]] == ["control-plane", "worker", "worker"]
    mount = configuration["nodes"][2]["extraMounts"][0]
    assert mount["containerPath"] == "/etc/containerd/certs.d"
    assert (Path(mount["hostPath"]) / "quay.io/hosts.toml").read_text() == 'server = "x"'
    assert kubeconfig.stat().st_mode & 0o077 == 0
    assert ran(fp)[-1].endswith(f"{NODE}:/dogitops-spec"), "the mark must come last"


def test_without_mirrors_nothing_is_mounted_and_kinds_network_is_kept(provider: KindProvider) -> None:
    configuration = provider._configuration(SPEC, None)
    assert configuration["nodes"] == [{"role": "control-plane", "extraMounts": []}]
    assert configuration["networking"]["disableDefaultCNI"] is False


def test_our_own_image_brings_its_own_network(provider: KindProvider) -> None:
    own = KindProvider(provider.binary, provider.image, "ptp")
    assert own._configuration(SPEC, None)["networking"]["disableDefaultCNI"] is True


def test_a_whole_cluster_is_left_as_it_is(fp: FakeProcess, provider: KindProvider, tmp_path: Path) -> None:
    fp.register(PS, stdout=f"{NODE}\n", occurrences=9)
    marked(fp, SPEC.digest)
    fp.register(["docker", "inspect", fp.any()], stdout="true\n")
    fp.register([str(provider.binary), "get", "kubeconfig", "--name", NAME], stdout="the kubeconfig\n")
    provider.create(SPEC, tmp_path / "kubeconfig")
    assert (tmp_path / "kubeconfig").read_text() == "the kubeconfig\n"
    assert (tmp_path / "kubeconfig").stat().st_mode & 0o777 == 0o600


def test_a_stopped_cluster_is_started_not_made_anew(fp: FakeProcess, provider: KindProvider, tmp_path: Path) -> None:
    fp.register(PS, stdout=f"{NODE}\n", occurrences=9)
    marked(fp, SPEC.digest)
    fp.register(["docker", "inspect", fp.any()], stdout="false\n")
    fp.register(["docker", "start", NODE])
    made(fp)
    fp.register([str(provider.binary), "get", "kubeconfig", "--name", NAME], stdout="the kubeconfig\n")
    provider.create(SPEC, tmp_path / "kubeconfig")
    assert not any("docker rm" in call or "create cluster" in call for call in ran(fp))


def test_another_description_is_refused_and_nothing_is_touched(
    fp: FakeProcess, provider: KindProvider, tmp_path: Path
) -> None:
    fp.register(PS, stdout=f"{NODE}\n", occurrences=9)
    marked(fp, "0123456789abcdef")
    with pytest.raises(ConfigurationError, match="made from another description") as caught:
        provider.create(SPEC, tmp_path / "kubeconfig")
    assert "dogitops cluster delete" in (caught.value.hint or "")
    assert not (tmp_path / "kubeconfig").exists()


def test_a_half_made_cluster_is_removed_first(fp: FakeProcess, provider: KindProvider, tmp_path: Path) -> None:
    fp.register(PS, stdout=f"{NODE}\n", occurrences=9)
    marked(fp, None)
    fp.register(["docker", "rm", "-f", "-v", NODE])
    fp.register(["docker", "network", "rm", NAME])
    script(provider.binary, 'touch "$9"')
    runs_for_real(fp, provider)
    made(fp)
    provider.create(SPEC, tmp_path / "kubeconfig")
    calls = ran(fp)
    removed = next(i for i, call in enumerate(calls) if call.startswith("docker rm"))
    created = next(i for i, call in enumerate(calls) if "create cluster" in call)
    assert removed < created


def test_what_kind_can_not_make_is_removed_once_its_logs_are_gathered(
    fp: FakeProcess, provider: KindProvider, tmp_path: Path
) -> None:
    fp.register(PS, stdout="", occurrences=2)
    fp.register(PS, stdout=f"{NODE}\n", occurrences=9)
    fp.keep_last_process(True)
    script(provider.binary, '[ "$1" = export ] && exit 0; cat >/dev/null; echo "port is already allocated" >&2; exit 1')
    runs_for_real(fp, provider)
    fp.register(["docker", "rm", "-f", "-v", NODE])
    fp.register(["docker", "network", "rm", NAME])
    with pytest.raises(DogitopsError, match="port is already allocated") as caught:
        provider.create(SPEC, tmp_path / "kubeconfig")
    assert caught.value.exit_code == 1
    assert str(tmp_path / "dump") in (caught.value.hint or "")
    calls = ran(fp)
    gathered = next(i for i, call in enumerate(calls) if "export logs" in call)
    assert any(call.startswith("docker rm") for call in calls[gathered:])


def test_nodes_that_never_become_ready_are_named_with_their_state(
    fp: FakeProcess, provider: KindProvider, tmp_path: Path
) -> None:
    fp.keep_last_process(True)
    hurried = KindProvider(provider.binary, provider.image, patience=0.5)
    script(provider.binary, 'cat >/dev/null; touch "$9"')
    runs_for_real(fp, provider)
    fp.register(PS, stdout="", occurrences=2)
    fp.register(PS, stdout=f"{NODE}\n")
    fp.register(["docker", "exec", NODE, "iptables", fp.any()])
    fp.register([*NODES_READY, "-o", fp.any()], stdout="False\n")
    fp.register([*NODES_READY, "--no-headers"], stdout=f"{NODE}   NotReady   control-plane   1s   v1.34.4\n")
    with pytest.raises(DeadlineExceeded, match=r"all 1 nodes of dogitops-t to be Ready.*NotReady") as caught:
        hurried.create(SPEC, tmp_path / "kubeconfig")
    assert "dogitops cluster dump" in (caught.value.hint or "")
    assert not any(call.endswith(":/dogitops-spec") for call in ran(fp)), "it must not pass for a whole one"


def test_the_plain_network_knows_the_way_between_the_nodes(fp: FakeProcess, provider: KindProvider) -> None:
    def node(name: str, cidr: str, address: str) -> dict[str, Any]:
        addresses = [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": address}]
        return {"metadata": {"name": name}, "spec": {"podCIDR": cidr}, "status": {"addresses": addresses}}

    def container(name: str, address: str) -> dict[str, Any]:
        return {"Name": f"/{name}", "NetworkSettings": {"Networks": {NAME: {"IPAddress": address}}}}

    # After a stop the engine may give them out the other way round, and the API still tells those of before.
    items = [node(NODE, "10.244.0.0/24", "172.20.0.3"), node(WORKER, "10.244.1.0/24", "172.20.0.2")]
    now = [container(NODE, "172.20.0.2"), container(WORKER, "172.20.0.3")]
    fp.register(["docker", "inspect", NODE, WORKER], stdout=json.dumps(now))
    unassigned = [items[0], {**items[1], "spec": {}}]
    fp.register(PS, stdout=f"{WORKER}\n{NODE}\n", occurrences=9)
    fp.register([*NODES_READY, fp.any()], stdout=json.dumps({"items": unassigned}))
    fp.register([*NODES_READY, fp.any()], stdout=json.dumps({"items": items}))
    fp.register(["docker", "exec", fp.any()], occurrences=9)
    KindProvider(provider.binary, provider.image, "ptp")._configure_ptp(ClusterSpec(NAME, 1, 1))
    routes = [call for call in ran(fp) if "ip route" in call]
    assert routes == [
        f"docker exec {NODE} ip route replace 10.244.1.0/24 via 172.20.0.3",
        f"docker exec {WORKER} ip route replace 10.244.0.0/24 via 172.20.0.2",
    ]
    written = [call for call in ran(fp) if "/etc/cni/net.d" in call]
    assert len(written) == 2


def test_control_planes_come_first(fp: FakeProcess, provider: KindProvider) -> None:
    fp.register(PS, stdout=f"{WORKER}\n{NODE}\n{NODE}2\n")
    assert provider.nodes(NAME) == [NODE, f"{NODE}2", WORKER]


def test_deleting_takes_volumes_and_network_along(fp: FakeProcess, provider: KindProvider) -> None:
    fp.register(PS, stdout=f"{NODE}\n{WORKER}\n")
    fp.register(["docker", "rm", "-f", "-v", NODE, WORKER])
    fp.register(["docker", "network", "rm", NAME])
    assert provider.delete(NAME)


def test_deleting_what_is_not_there_is_no_error(fp: FakeProcess, provider: KindProvider) -> None:
    fp.register(PS, stdout="")
    fp.register(["docker", "network", "rm", NAME], returncode=1, stderr=f"Error: No such network: {NAME}\n")
    assert not provider.delete(NAME)


def test_a_network_still_in_use_is_told(fp: FakeProcess, provider: KindProvider) -> None:
    fp.register(PS, stdout="")
    fp.register(["docker", "network", "rm", NAME], returncode=1, stderr="network has active endpoints\n")
    with pytest.raises(DogitopsError, match="has active endpoints") as caught:
        provider.delete(NAME)
    assert f"docker network inspect {NAME}" in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["kind", "production", "dogitops", "my-dogitops-x"])
def test_foreign_names_are_refused_before_anything_is_asked(
    fp: FakeProcess, provider: KindProvider, tmp_path: Path, name: str
) -> None:
    with pytest.raises(Refused, match="not ours to touch") as caught:
        provider.delete(name)
    assert caught.value.exit_code == 3
    with pytest.raises(Refused):
        provider.create(ClusterSpec(name), tmp_path / "kubeconfig")
    assert not fp.calls


def test_a_missing_docker_is_a_finding_about_the_machine(
    provider: KindProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="docker was not found") as caught:
        provider.create(SPEC, tmp_path / "kubeconfig")
    assert "tools doctor" in (caught.value.hint or "")
