from __future__ import annotations

import base64
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.errors import CommandFailed, ConfigurationError, DeadlineExceeded, DogitopsError
from automation.kube import KindUnknown, Kube, KubernetesError, pod_is_ready, pod_state
from automation.kube.objects import in_order
from tests.integration.kube.cluster import Cluster, Fault, Manifest


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path / "kubeconfig") as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def config_map(name: str, **data: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_an_object_is_applied_read_changed_and_deleted(cluster: Cluster) -> None:
    kube = cluster.kube
    assert kube.get("v1", "ConfigMap", "a", "n") is None
    applied = kube.apply(config_map("a", x="1", y="2"), namespace="n")
    assert applied["metadata"]["namespace"] == "n"
    patched = kube.patch("v1", "ConfigMap", "a", {"data": {"x": None, "z": "3"}}, "n")
    assert patched["data"] == {"y": "2", "z": "3"}
    assert kube.get("v1", "ConfigMap", "a", "n") == patched
    assert kube.delete("v1", "ConfigMap", "a", "n", timeout=1) is True
    assert kube.delete("v1", "ConfigMap", "a", "n") is False


def test_apply_takes_the_manifests_own_namespace_first_and_drops_managed_fields(cluster: Cluster) -> None:
    manifest = config_map("a")
    manifest["metadata"] |= {"namespace": "mine", "managedFields": [{"manager": "x"}]}
    applied = cluster.kube.apply(manifest, namespace="other")
    assert applied["metadata"]["namespace"] == "mine"
    assert "managedFields" not in applied["metadata"]
    assert cluster.kube.apply(config_map("b"))["metadata"]["namespace"] == "default"


def test_lists_are_read_page_by_page_and_items_know_their_kind(cluster: Cluster) -> None:
    for number in range(1203):
        cluster.put("v1", "ConfigMap", f"m{number:04d}", "n")
    cluster.put("v1", "ConfigMap", "elsewhere", "other", metadata={"labels": {"a": "b"}})
    found = cluster.kube.list("v1", "ConfigMap", "n")
    assert len(found) == 1203
    assert {(one["apiVersion"], one["kind"]) for one in found} == {("v1", "ConfigMap")}
    assert len([path for _, path in cluster.asked if "limit=500" in path]) == 3
    assert [one["metadata"]["name"] for one in cluster.kube.list("v1", "ConfigMap", selector="a=b")] == ["elsewhere"]


def test_create_tells_what_exists_already(cluster: Cluster) -> None:
    assert cluster.kube.create(config_map("a", x="1"), namespace="n") is not None
    assert cluster.kube.create(config_map("a", x="2"), namespace="n") is None
    assert cluster.find("ConfigMap", "a")["data"] == {"x": "1"}


def test_an_unknown_kind_is_absent_but_cannot_be_listed(cluster: Cluster) -> None:
    assert cluster.kube.get("example.org/v1", "Thing", "x", "n") is None
    assert cluster.kube.delete("example.org/v1", "Thing", "x", "n") is False
    with pytest.raises(KindUnknown, match=r"No matches for kind 'Thing' in example.org/v1"):
        cluster.kube.list("example.org/v1", "Thing")


def test_kinds_that_come_later_are_found_without_a_new_client(cluster: Cluster) -> None:
    assert cluster.kube.get("example.org/v1", "Thing", "x", "n") is None
    cluster.kinds["example.org/v1"] = {"Thing": ("things", True)}
    cluster.put("example.org/v1", "Thing", "x", "n")
    assert cluster.kube.get("example.org/v1", "Thing", "x", "n") is not None


def test_apply_all_brings_namespaces_and_crds_first_and_waits_for_them(cluster: Cluster) -> None:
    def establish(stored: Manifest) -> None:
        if stored["kind"] == "CustomResourceDefinition":
            cluster.kinds["example.org/v1"] = {"Thing": ("things", True)}
            stored["status"] = {"conditions": [{"type": "Established", "status": "True"}]}

    cluster.react = establish
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.org"},
    }
    thing = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "x"}}
    listed = {"apiVersion": "v1", "kind": "List", "items": [config_map("a")]}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}
    told: list[str] = []
    applied = cluster.kube.apply_all([thing, None, listed, crd, namespace], "n", timeout=10, progress=told.append)
    assert [one["kind"] for one in applied] == ["Namespace", "CustomResourceDefinition", "ConfigMap", "Thing"]
    assert told[-1] == "4 of 4: Thing x"


def test_apply_all_outlasts_a_webhook_that_does_not_answer_yet(cluster: Cluster) -> None:
    cluster.kube.get("v1", "ConfigMap", "warm-up", "n")
    cluster.faults = [Fault(400, 'failed calling webhook "x": connection refused')]
    assert cluster.kube.apply_all([config_map("a")], "n", timeout=10)


def test_apply_all_says_what_the_api_said_when_time_is_up(cluster: Cluster) -> None:
    thing = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "x"}}
    with pytest.raises(KindUnknown, match="No matches for kind 'Thing'"):
        cluster.kube.apply_all([thing], timeout=0.1)


def test_apply_all_stops_at_once_at_an_error_that_does_not_pass(cluster: Cluster) -> None:
    cluster.kube.get("v1", "ConfigMap", "warm-up", "n")
    cluster.faults = [Fault(422, "data: Invalid value")]
    with pytest.raises(KubernetesError, match="422") as caught:  # asked again, it would succeed
        cluster.kube.apply_all([config_map("a")], "n", timeout=30)
    assert caught.value.hint == "The manifest is wrong: correct the field named above."


def test_webhooks_are_applied_last_and_equals_keep_their_order() -> None:
    kinds = ["ValidatingWebhookConfiguration", "Deployment", "Job", "Secret", "Namespace", "ServiceAccount"]
    manifests = [{"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}} for kind in kinds]
    ordered = ["Namespace", "ServiceAccount", "Secret", "Deployment", "Job", "ValidatingWebhookConfiguration"]
    assert [one["kind"] for one in in_order(manifests)] == ordered


def test_a_manifest_without_a_kind_is_refused_before_anything_is_applied(cluster: Cluster) -> None:
    with pytest.raises(ConfigurationError, match="incomplete"):
        cluster.kube.apply_all([config_map("a"), {"apiVersion": "v1", "metadata": {"name": "x"}}])
    assert not cluster.objects


@pytest.mark.parametrize("fault", [Fault(0), Fault(429), Fault(500), Fault(503)])
def test_what_may_be_repeated_is_tried_again(cluster: Cluster, fault: Fault) -> None:
    cluster.kube.apply(config_map("a"), "n")
    cluster.faults = [fault]
    assert cluster.kube.get("v1", "ConfigMap", "a", "n") is not None
    assert not cluster.faults


def test_wrong_credentials_are_named(cluster: Cluster) -> None:
    cluster.kubeconfig.write_text(cluster.kubeconfig.read_text().replace("let-me-in", "no"))
    with pytest.raises(KubernetesError, match="401") as caught:
        cluster.kube.list("v1", "Pod")
    assert "make the kubeconfig again" in str(caught.value.hint)


def test_a_server_that_is_down_is_named_and_not_ready(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("automation.kube.api._PATIENCE", 0.1)
    assert cluster.kube.ready()
    cluster.shutdown()
    cluster.server_close()
    kube = Kube(cluster.kubeconfig)
    assert not kube.ready()
    with pytest.raises(KubernetesError, match="cannot be reached: connection refused") as caught:
        kube._api.request("GET", "/version", patience=0.1)
    assert caught.value.status == 0


def test_a_certificate_of_another_cluster_is_not_tried_again(cluster: Cluster, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate),
         "-subj", "/CN=other", "-days", "1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    greeted: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: greeted.append(name)
    cluster.socket = context.wrap_socket(cluster.socket, server_side=True)
    cluster.write_kubeconfig("https")
    with pytest.raises(KubernetesError, match="certificate"):
        cluster.kube.list("v1", "Pod")
    assert len(greeted) == 1


def test_a_connection_cut_in_the_handshake_may_pass(cluster: Cluster) -> None:
    """Docker's proxy takes connections before the API server does, and after it is gone."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            while True:
                try:
                    listener.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=hang_up, daemon=True).start()
        cluster.write_kubeconfig("https", listener.getsockname()[1])
        with pytest.raises(KubernetesError, match="cannot be reached") as caught:
            cluster.kube._api.request("GET", "/version", patience=0)
        assert caught.value.transient
        assert not cluster.kube.ready()
        listener.shutdown(socket.SHUT_RDWR)


def test_a_cluster_rebuilt_at_another_port_is_found_after_a_reset(cluster: Cluster, tmp_path: Path) -> None:
    kube = cluster.kube
    assert kube.ready()
    rebuilt = tmp_path / "rebuilt"
    rebuilt.mkdir()
    with Cluster(rebuilt / "kubeconfig") as second:
        threading.Thread(target=second.serve_forever, args=(0.01,), daemon=True).start()
        second.put("v1", "ConfigMap", "only-here", "n")
        cluster.write_kubeconfig(port=second.server_port)
        kube.reset()
        assert kube.get("v1", "ConfigMap", "only-here", "n") is not None
        second.shutdown()


@pytest.mark.parametrize("text", ["hello", "a: [", "{}", "apiVersion: v1\nkind: Config\ncurrent-context: gone\n"])
def test_a_broken_kubeconfig_is_a_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="cannot be used"):
        Kube(path).list("v1", "Pod")


def test_a_missing_kubeconfig_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no kubeconfig"):
        Kube(tmp_path / "none").list("v1", "Pod")
    assert not Kube(tmp_path / "none").ready()


def test_a_deletion_that_is_held_up_says_by_what(cluster: Cluster) -> None:
    cluster.put("v1", "ConfigMap", "a", "n", metadata={"finalizers": ["example.org/hold"]})
    with pytest.raises(DeadlineExceeded, match=r"held by finalizers example.org/hold"):
        cluster.kube.delete("v1", "ConfigMap", "a", "n", timeout=0.1)


def test_an_object_made_anew_counts_as_deleted(cluster: Cluster) -> None:
    cluster.put("v1", "Pod", "redis-0", "n")

    def make_again(stored: Manifest) -> None:
        if stored["kind"] == "deleted Pod":
            cluster.put("v1", "Pod", "redis-0", "n")

    cluster.react = make_again
    assert cluster.kube.delete("v1", "Pod", "redis-0", "n", timeout=2)


def test_resources_are_all_listable_kinds(cluster: Cluster) -> None:
    found = {(kind.api_version, kind.kind, kind.namespaced) for kind in cluster.kube.resources()}
    assert ("velero.io/v1", "Backup", True) in found
    assert ("v1", "Namespace", False) in found
    assert len(found) == sum(len(kinds) for kinds in cluster.kinds.values())


def test_a_command_gives_its_output_and_reads_its_input(cluster: Cluster) -> None:
    sent = bytes(range(256)) * 4000
    told = cluster.kube.execute("n", "p", ["sh", "-c", "base64 -w0; echo; echo noise >&2"], stdin=sent)
    assert base64.b64decode(told) == sent
    assert cluster.kube.execute("n", "p", ["echo", "grüß & tschüß"]) == "grüß & tschüß\n"


def test_large_output_arrives_whole(cluster: Cluster) -> None:
    told = cluster.kube.execute("n", "p", ["seq", "200000"])
    assert told.split() == [str(number) for number in range(1, 200001)]


def test_a_command_that_fails_gives_its_exit_code_and_stderr(cluster: Cluster) -> None:
    with pytest.raises(CommandFailed, match=r"exec n/p sh -c .* exited with 7\nno luck") as caught:
        cluster.kube.execute("n", "p", ["sh", "-c", "echo no luck >&2; exit 7"])
    assert caught.value.returncode == 7


def test_a_command_that_hangs_is_given_up(cluster: Cluster) -> None:
    with pytest.raises(DeadlineExceeded, match="sleep 5 in n/p did not finish within 0 s"):
        cluster.kube.execute("n", "p", ["sleep", "5"], timeout=0.3)


def test_a_pod_that_vanishes_while_a_command_runs_is_an_error(cluster: Cluster) -> None:
    with pytest.raises(DogitopsError, match=r"n/p (closed|broke)"):
        cluster.kube.execute("n", "p", ["vanish"], stdin=b"")


def test_a_pod_that_does_not_exist_is_an_error(cluster: Cluster) -> None:
    cluster.faults = [Fault(404, 'pods "p" not found')]
    with pytest.raises(KubernetesError, match='pods "p" not found'):
        cluster.kube.execute("n", "p", ["ls"])


def test_a_failed_handshake_is_tried_again(cluster: Cluster) -> None:
    cluster.faults = [Fault(500, "error dialing backend")]
    assert cluster.kube.execute("n", "p", ["echo", "hi"]) == "hi\n"


def test_input_to_a_server_that_is_too_old_is_refused(cluster: Cluster) -> None:
    cluster.subprotocol = "v4.channel.k8s.io"
    assert cluster.kube.execute("n", "p", ["echo", "hi"]) == "hi\n"
    with pytest.raises(DogitopsError, match="where stdin ends"):
        cluster.kube.execute("n", "p", ["cat"], stdin=b"x")


def test_waiting_for_pods_says_which_are_not_ready(cluster: Cluster) -> None:
    waiting = {"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]}
    cluster.put("v1", "Pod", "a", "n", metadata={"labels": {"app": "x"}}, status={"phase": "Pending", **waiting})
    with pytest.raises(DeadlineExceeded, match=r"pods in n with app=x to be ready.*a \(ImagePullBackOff\)"):
        cluster.kube.wait_for_pods("n", "app=x", timeout=0)
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    cluster.find("Pod", "a")["status"] = ready
    assert len(cluster.kube.wait_for_pods("n", "app=x", timeout=1)) == 1


@pytest.mark.parametrize(
    ("status", "ready", "state"),
    [
        ({"phase": "Succeeded"}, True, "Succeeded"),
        ({"phase": "Running"}, False, "Running, not ready"),
        ({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
          "message": "0/1 nodes"}]}, False, "Unschedulable: 0/1 nodes"),
        ({"phase": "Running", "containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled"}}}]}, False,
         "OOMKilled"),
    ],
)  # fmt: skip
def test_pod_states(status: Manifest, ready: bool, state: str) -> None:
    pod = {"metadata": {"name": "a"}, "status": status}
    assert pod_is_ready(pod) is ready
    assert pod_state(pod) == state
    pod["metadata"]["deletionTimestamp"] = "now"
    assert pod_state(pod) == "ending"
