"""A cluster of three control planes and a worker, each booted from nothing behind a load balancer, and its whole life.

The tests are steps of one life, in this order: it is looked at, kept up, upgraded, loses a control plane, and then all
of its datastore, which a snapshot brings back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import testinfra

from automation import wait
from automation.droplets import etcd, joining, upgrade
from automation.droplets.kubeadm import Cluster
from automation.droplets.machine import Machine
from automation.droplets.upgrade import Releases, Version
from automation.errors import DogitopsError, Refused
from tests.e2e.droplets import local
from tests.e2e.droplets.cluster import BUCKET, KEPT, VERSION, Local, machines

pytestmark = [pytest.mark.e2e, pytest.mark.thorough]

ROOT = Path(__file__).parents[3]
PREFIX = "dogitops-droplet"
SERVER = (
    "$s = IO::Socket::INET->new(LocalPort => 8080, Listen => 9) or die $!;"
    ' while ($c = $s->accept) { print $c "$ENV{NODE}\\n"; close $c }'
)
WEB = f"""
apiVersion: apps/v1
kind: DaemonSet
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 0
      tolerations: [{{operator: Exists}}]
      containers:
        - name: web # kube-proxy's image, as it is built here, has bash and perl, and is on every node
          image: registry.k8s.io/kube-proxy:v{VERSION}
          command: [perl, -MIO::Socket::INET, -e, '{SERVER}']
          env: [{{name: NODE, valueFrom: {{fieldRef: {{fieldPath: spec.nodeName}}}}}}]
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  selector: {{app: web}}
  ports: [{{port: 80, targetPort: 8080}}]
"""


@pytest.fixture(scope="module")
def here(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    with machines(tmp_path_factory.mktemp("kubeadm"), PREFIX, control_planes=3, workers=1) as made:
        made.join()
        made.cluster.kubectl("create", "namespace", "kept")
        yield made


def served_by_all(cluster: Cluster) -> None:
    """From a pod on one node, ask the pods on all nodes by their addresses, and the Service by its name."""
    cluster.kubectl("rollout", "status", "daemonset/web", "--timeout=120s", timeout=130)
    pods = [
        (pod["metadata"]["name"], pod["spec"]["nodeName"], pod["status"]["podIP"])
        for pod in cluster.objects("pods", "-l", "app=web")
        if pod["spec"]["nodeName"] in {machine.name for machine in cluster.machines}
    ]
    nodes = [node for _, node, _ in pods]
    assert sorted(nodes) == sorted(machine.name for machine in cluster.machines)
    asker = next(name for name, node, _ in pods if "worker" in node)
    ask = "; ".join(f"timeout 5 cat </dev/tcp/{address}/8080" for _, _, address in pods)
    assert cluster.kubectl("exec", asker, "--", "bash", "-c", ask).split() == nodes
    by_name = "timeout 10 cat </dev/tcp/web.default.svc.cluster.local/80"
    assert cluster.kubectl("exec", asker, "--", "bash", "-c", by_name).strip() in nodes


def test_all_machines_are_ready_nodes_of_one_cluster(here: Local) -> None:
    cluster = here.cluster
    assert cluster.ready(kubelet=f"v{VERSION}")
    roles = {
        node["metadata"]["name"]: "node-role.kubernetes.io/control-plane" in node["metadata"]["labels"]
        for node in cluster.objects("nodes")
    }
    assert roles == {machine.name: "control-plane" in machine.name for machine in cluster.machines}


def test_pods_reach_each_other_across_nodes_and_a_service_by_its_name(here: Local) -> None:
    here.cluster.first.ok("kubectl --kubeconfig /etc/kubernetes/admin.conf apply -f -", stdin=WEB)
    for workload in ("deployment/coredns", "daemonset/kube-proxy"):
        here.cluster.kubectl("-n", "kube-system", "rollout", "status", workload, "--timeout=120s", timeout=130)
    served_by_all(here.cluster)


def test_tokens_are_short_lived_and_no_secret_is_left(here: Local) -> None:
    for machine in here.cluster.machines:
        assert machine.run("ls /run/dogitops/handover").code != 0
    told = here.cluster.first.ok("kubeadm token list -o json").replace("}\n{", "},{")
    assert told.count('"expires"') == told.count('"token"') > 0
    secret = here.store.secret_key.reveal()
    looked = "grep -rlF -f - /var/lib/cloud /var/log /var/lib/dogitops /run/systemd 2>/dev/null"
    assert here.cluster.first.run(looked, stdin=secret).stdout == "", "the bucket's key is in user data or a log"


def test_the_api_tells_who_did_what(here: Local) -> None:
    log = here.cluster.first.ok("tail -n 200 /var/log/kubernetes/audit.log").splitlines()
    assert {json.loads(line)["kind"] for line in log} == {"Event"}


@pytest.mark.parametrize("role", ["control-plane-2", "worker-1"])
def test_a_booted_machine_is_as_described(here: Local, role: str) -> None:
    host = testinfra.get_host(f"docker://{PREFIX}-{role}")
    for name in ("ssh", "containerd", "kubelet", "unattended-upgrades", "dogitops-metadata", "dogitops-routes"):
        assert host.service(name).is_enabled, name
        assert host.service(name).is_running, name
    timers = [f"{name}.timer" for name in ("dogitops-certificates", "dogitops-etcd-snapshot")]
    assert [host.service(timer).is_enabled for timer in timers] == ["control-plane" in role] * 2
    assert "passwordauthentication no" in host.check_output("sshd -T")
    assert "ip daddr 169.254.169.254" in host.check_output("nft list table inet dogitops")
    assert host.sysctl("net.ipv4.ip_forward") == 1
    for path in ("/etc/kubernetes/kubelet.conf", "/etc/kubernetes/dogitops-audit.yaml"):
        assert host.file(path).mode == 0o600
    if "control-plane" in role:
        assert host.file("/etc/dogitops/objectstore.env").mode == 0o600
        assert not host.socket("tcp://0.0.0.0:2379").is_listening, "etcd listens everywhere"
    assert host.check_output("systemctl --failed --plain --no-legend") == ""


def certificate(machine: Machine) -> str:
    """Return serial and end of the certificate that a control plane's API shows."""
    show = "openssl s_client -connect 127.0.0.1:6443 </dev/null 2>/dev/null | openssl x509 -noout -serial -enddate"
    return machine.ok(show)


def test_certificates_are_renewed_before_their_end(here: Local) -> None:
    machine = here.control_planes[2]
    program = "/usr/local/lib/dogitops/certificates"
    before = certificate(machine)
    assert "all certificates are good for 36" in machine.run(program).text
    assert certificate(machine) == before, "they are good, and were renewed"
    done = machine.run(f"DOGITOPS_DAYS=400 {program}", timeout=400)
    assert done.code == 0, done.text
    after = certificate(machine)
    assert [line.split("=")[0] for line in after.splitlines()] == ["serial", "notAfter"]
    assert not set(after.splitlines()) & set(before.splitlines()), "serial and end are those of before"
    own = "--server https://127.0.0.1:6443 --tls-server-name kubernetes"
    nodes = machine.ok(f"kubectl --kubeconfig /etc/kubernetes/admin.conf {own} get nodes -o name")
    assert len(nodes.split()) == 4, "with its new certificates this control plane does not answer"
    metric = machine.ok("cat /var/lib/node_exporter/textfile_collector/dogitops_certificate_end_seconds.prom")
    assert "\ndogitops_certificate_end_seconds 1" in metric


def test_snapshots_are_sealed_and_only_so_many_are_kept(here: Local) -> None:
    machine = here.control_planes[1]
    names = [etcd.take(machine) for _ in range(KEPT + 1)]
    kept = [each.name for each in etcd.listed(here.store, BUCKET)]
    assert kept == names[1:], "the oldest is kept, or a newer one is not"
    sealed = here.store.read(BUCKET, f"etcd/{kept[-1]}.sealed")
    assert sealed is not None
    assert sealed.body.startswith(b"Salted__"), "it is not encrypted"
    here.store.write(BUCKET, f"etcd/{kept[0]}.sealed", sealed.body[:-1] + b"?")
    with pytest.raises(DogitopsError, match="was changed since it was written"):
        etcd.check(machine, kept[0])


def test_an_upgrade_goes_machine_by_machine(here: Local) -> None:
    """Here is one version only, so the cluster is taken to that which it has."""
    part = Cluster((here.control_planes[0],), tuple(here.workers))
    releases = Releases.read(ROOT)
    programs = f"{here.prepared.url}/{{program}}"
    to = Version.parse(VERSION)
    assert upgrade.run(part, to, releases, programs=programs) == [], "what has the version was changed"
    changed = upgrade.run(part, to, releases, again=True, programs=programs, checksums=here.prepared.checksums)
    assert changed == [machine.name for machine in part.machines]
    assert here.cluster.ready(kubelet=f"v{VERSION}")
    assert not [node for node in here.cluster.objects("nodes") if node["spec"].get("unschedulable")]


def test_an_upgrade_over_a_minor_version_is_refused(here: Local) -> None:
    with pytest.raises(Refused, match=r"more minor versions than one: go to 1\.35 first"):
        upgrade.run(here.cluster, Version.parse("1.36.4"), Releases.read(ROOT))


def takes_a_change(cluster: Cluster, namespace: str) -> bool:
    try:
        cluster.kubectl("create", "namespace", namespace)
    except DogitopsError as error:
        return "already exists" in error.message
    return True


def test_one_control_plane_is_lost_and_the_api_goes_on(here: Local) -> None:
    left = Cluster(tuple(here.control_planes[1:]), tuple(here.workers))
    local.docker("kill", here.control_planes[0].name)

    wait.until(lambda: takes_a_change(left, "after-the-loss"), "the API to take a change with two", timeout=90)


def test_its_successor_joins_the_cluster_and_begins_none_of_its_own(here: Local) -> None:
    before = {node["metadata"]["uid"] for node in Cluster((here.control_planes[1],)).objects("nodes")}
    here.replace(0)
    assert here.cluster.ready()
    nodes = Cluster((here.control_planes[0],)).objects("nodes")
    assert len(nodes) == 4
    assert len(before & {node["metadata"]["uid"] for node in nodes}) == 3, "it is another cluster"
    assert sorted(joining.members(here.control_planes[0]).values()) == [one.name for one in here.control_planes]


def test_a_lost_datastore_comes_back_from_a_snapshot(here: Local) -> None:
    left = Cluster(tuple(here.control_planes[1:]), tuple(here.workers))
    local.docker("kill", here.control_planes[0].name)
    wait.until(lambda: takes_a_change(left, "before-the-snapshot"), "the API to take a change with two", timeout=90)
    snapshot = etcd.take(left.first)
    left.kubectl("create", "namespace", "too-late")
    for machine in left.control_planes:
        machine.ok(
            "systemctl stop kubelet containerd; rm -rf /var/lib/etcd /etc/kubernetes/pki; systemctl start containerd"
        )
    assert "datastore" not in left.first.run("ls /var/lib/etcd").stdout
    gone = etcd.restore(left, snapshot, here.gives, interval=0.7)
    assert gone == [here.control_planes[0].name]
    names = {one["metadata"]["name"] for one in left.objects("namespaces")}
    assert {"kept", "after-the-loss"} <= names
    assert "too-late" not in names, "it is not the datastore of the snapshot"
    # etcd itself says who has joined: the API still knows the pods of a machine that is gone, for a while.
    assert sorted(joining.members(left.first).values()) == [one.name for one in left.control_planes]
    served_by_all(left)
