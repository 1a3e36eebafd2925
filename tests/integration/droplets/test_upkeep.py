"""What a control plane does by itself, as far as it needs no cluster: certificates, snapshots, routes, who begins.

Programs that need a cluster stand in by shell scripts; openssl, curl, Python and the S3 server are real.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation import objectstore
from automation.droplets import kubeadm
from automation.objectstore import ObjectStore
from automation.secret import Secret
from automation.toolchain import install
from tests.integration.droplets.test_steps import MODULE, Station

BUCKET = "dogitops-snapshots"
FACTS = {
    "NAME": "dogitops-test",
    "NUMBER": "1",
    "KUBERNETES_VERSION": "1.34.4",
    "ENDPOINT": "127.0.0.1:9",
    "NETWORK": "routes",
}
PARTS = (
    "ca.crt",
    "ca.key",
    "sa.pub",
    "sa.key",
    "front-proxy-ca.crt",
    "front-proxy-ca.key",
    "etcd/ca.crt",
    "etcd/ca.key",
)


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """Give a control plane with its keys."""
    made = Station(tmp_path)
    made.node("control-plane", **FACTS)
    for part in PARTS:
        (tmp_path / "kubernetes" / "pki" / part).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "kubernetes" / "pki" / part).write_text(f"{part}\n")
    made.program("hostname", "echo control-plane-1")
    made.program("etcdctl", 'for last; do :; done; echo "all that etcd holds" >"$last"')
    made.program("etcdutl", "true")
    return made


def places(station: Station) -> dict[str, str]:
    return {
        "DOGITOPS_KUBERNETES": f"{station.root}/kubernetes",
        "DOGITOPS_METRICS": f"{station.root}/metrics",
        "DOGITOPS_SNAPSHOTS": f"{station.root}/snapshots.env",
        "DOGITOPS_OBJECTSTORE": f"{station.root}/objectstore.env",
        "DOGITOPS_CNI": f"{station.root}/cni",
        "no_proxy": "127.0.0.1",
    }


# -- certificates -----------------------------------------------------------------------------------------------------


def certified(station: Station, days: int) -> None:
    """Give the API server a certificate for so many days, as a client of etcd one for a year."""
    for name, lasts in (("apiserver", days), ("apiserver-etcd-client", 365)):
        pki = station.root / "kubernetes" / "pki"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
             f"/CN={name}", "-days", str(lasts), "-keyout", pki / f"{name}.key", "-out", pki / f"{name}.crt"],
            check=True, capture_output=True,
        )  # fmt: skip
    (station.root / "kubernetes" / "pki" / "etcd" / "server.crt").write_bytes(
        (station.root / "kubernetes" / "pki" / "apiserver-etcd-client.crt").read_bytes()
    )
    station.program("kubeadm", f'echo "$*" >>{station.root}/renewed')
    station.program("ctr", "true")
    station.program("curl", "true")
    station.program("kubectl", "true")


def test_good_certificates_are_left_alone_and_their_end_is_told(station: Station) -> None:
    certified(station, 61)
    done = station.run("files/certificates.sh", **places(station))
    assert done.returncode == 0, done.stderr
    assert re.search("all certificates are good for 6[01] days or more", done.stderr)
    assert not (station.root / "renewed").exists()
    told = (station.root / "metrics" / "dogitops_certificate_end_seconds.prom").read_text()
    assert "# TYPE dogitops_certificate_end_seconds gauge\ndogitops_certificate_end_seconds 1" in told


def test_the_first_certificate_to_end_has_all_renewed(station: Station) -> None:
    certified(station, 59)
    done = station.run("files/certificates.sh", **places(station))
    assert done.returncode == 0, done.stderr
    assert re.search(r"apiserver\.crt is good for 5[89] days: renewing all", done.stderr)
    assert (station.root / "renewed").read_text() == "certs renew all\n"


def test_a_server_that_is_not_healthy_with_its_new_certificate_is_named(station: Station) -> None:
    certified(station, 10)
    station.program("curl", 'case "$*" in *6443*) exit 22 ;; esac')
    station.program("sleep", "true")
    done = station.run("files/certificates.sh", **places(station))
    assert done.returncode == 1
    assert "kube-apiserver is not healthy after its start" in done.stderr


# -- snapshots --------------------------------------------------------------------------------------------------------


@pytest.fixture
def store(station: Station) -> Iterator[ObjectStore]:
    """Serve a bucket, and tell the station its key and the password."""
    folder = station.root / "objectstore"
    made = objectstore.serve_local(folder, install.path("versitygw"), "127.0.0.1", free_port(), "us-east-1")
    made.ensure_bucket(BUCKET)
    (station.root / "snapshots.env").write_text(f'BUCKET_URL="{made.endpoint}/{BUCKET}"\nKEEP=2\n')
    tell(station, made, "password-of-the-snapshots")
    yield made
    objectstore.stop_local(folder)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def tell(station: Station, store: ObjectStore, password: str) -> None:
    words = kubeadm.keys(store.access_key, store.secret_key, Secret(password))
    (station.root / "objectstore.env").write_text(words.reveal())


def taken(station: Station, at: int) -> str:
    """Have a snapshot taken at a minute; return its name."""
    name = f"20261121T06{at:02}00Z-control-plane-1"
    station.program("date", f'case "$*" in *%Y%m%d*) echo 20261121T06{at:02}00Z ;; *) exec /bin/date "$@" ;; esac')
    done = station.run("files/etcd-snapshot.sh", **places(station))
    assert done.returncode == 0, done.stderr
    assert f"{name} is in the bucket" in done.stderr
    return name


def test_the_oldest_of_its_own_snapshots_are_removed(station: Station, store: ObjectStore) -> None:
    store.write(BUCKET, "etcd/20261120T000000Z-control-plane-2.sealed", b"of another machine")
    names = [taken(station, minute) for minute in (1, 2, 3)]
    kept = sorted(one.key for one in store.objects(BUCKET, "etcd/"))
    own = [f"etcd/{name}.{part}" for name in names[1:] for part in ("hmac", "sealed")]
    assert kept == ["etcd/20261120T000000Z-control-plane-2.sealed", *own]


def test_two_taken_one_after_another_have_two_names(station: Station, store: ObjectStore) -> None:
    """The clock stands, but for what the script itself lets pass."""
    clock = station.root / "clock"
    clock.write_text("10")
    station.program(
        "date", f'case "$*" in *%Y%m%d*) echo "20261121T0601$(cat {clock})Z" ;; *) exec /bin/date "$@" ;; esac'
    )
    station.program("sleep", f"echo $(($(cat {clock}) + $1)) >{clock}")
    for _ in range(2):
        assert station.run("files/etcd-snapshot.sh", **places(station)).returncode == 0
    names = {one.key.removesuffix(".sealed") for one in store.objects(BUCKET, "etcd/") if one.key.endswith(".sealed")}
    assert len(names) == 2, "the second took the place of the first"


def test_more_snapshots_than_a_server_lists_at_once_are_all_counted(station: Station, store: ObjectStore) -> None:
    folder = station.root / "objectstore" / "data" / BUCKET / "etcd"
    folder.mkdir()
    for number in range(1010):
        (folder / f"20261120T{number:06}Z-control-plane-2.sealed").touch()
    names = [taken(station, minute) for minute in (1, 2, 3)]
    own = [one.key for one in store.objects(BUCKET, "etcd/") if one.key.endswith("control-plane-1.sealed")]
    assert own == [f"etcd/{name}.sealed" for name in names[1:]]


def test_a_snapshot_tells_nothing_without_its_password(station: Station, store: ObjectStore) -> None:
    sealed = store.read(BUCKET, f"etcd/{taken(station, 1)}.sealed")
    assert sealed is not None
    assert b"etcd holds" not in sealed.body
    assert not [file for file in station.root.rglob("*password*") if file.is_file()], "the password stayed in a file"


def checked(station: Station, name: str) -> str:
    done = station.run("files/etcd-restore.sh", "check", name, **places(station))
    return "" if done.returncode == 0 else done.stderr


def test_a_whole_snapshot_passes_its_check(station: Station, store: ObjectStore) -> None:
    name = taken(station, 1)
    assert checked(station, name) == ""
    assert (station.root / "state" / "restore" / name / "etcd.db").read_text() == "all that etcd holds\n"


def test_a_changed_snapshot_is_refused(station: Station, store: ObjectStore) -> None:
    name = taken(station, 1)
    sealed = store.read(BUCKET, f"etcd/{name}.sealed")
    assert sealed is not None
    store.write(BUCKET, f"etcd/{name}.sealed", sealed.body[:-1] + bytes([sealed.body[-1] ^ 1]))
    assert f"{name} was changed since it was written" in checked(station, name)


def test_another_password_is_refused(station: Station, store: ObjectStore) -> None:
    name = taken(station, 1)
    tell(station, store, "password-of-somebody-else")
    assert "or was sealed with another password" in checked(station, name)


@pytest.mark.parametrize(
    ("fact", "value", "told"),
    [
        ("NAME", "dogitops-other", "is of the cluster dogitops-test, and this machine is of dogitops-other"),
        ("KUBERNETES_VERSION", "1.35.8", "is of Kubernetes 1.34.4, and this machine has 1.35.8"),
    ],
)
def test_a_snapshot_of_another_cluster_or_minor_version_is_refused(
    station: Station, store: ObjectStore, fact: str, value: str, told: str
) -> None:
    name = taken(station, 1)
    station.node("control-plane", **{**FACTS, fact: value})
    assert told in checked(station, name)


def test_a_snapshot_that_is_not_there_is_named(station: Station, store: ObjectStore) -> None:
    assert "20261121T060100Z-x.sealed can't be fetched from" in checked(station, "20261121T060100Z-x")


def test_nothing_is_restored_that_was_not_checked(station: Station) -> None:
    done = station.run("files/etcd-restore.sh", "apply", "some-snapshot", **places(station))
    assert done.returncode == 1
    assert "some-snapshot was not checked on this machine" in done.stderr


# -- routes -----------------------------------------------------------------------------------------------------------


def test_the_own_range_is_configured_and_the_others_are_routed(station: Station) -> None:
    told = "worker-1  192.0.2.4\ncontrol-plane-1 10.112.0.0/24 192.0.2.2\nworker-1 10.112.1.0/24 192.0.2.4\n"
    station.program("kubectl", f"printf '{told}'")
    station.program("ip", f'echo "$*" >>{station.root}/routes')
    done = station.run("files/routes.sh", **places(station))
    assert "the API says nothing of nodes any more" in done.stderr
    written = json.loads((station.root / "cni" / "10-dogitops.conflist").read_text())
    assert written["plugins"][0]["ipam"]["ranges"] == [[{"subnet": "10.112.0.0/24"}]]
    assert "route replace 10.112.1.0/24 via 192.0.2.4" in (station.root / "routes").read_text()


# -- who begins a cluster ---------------------------------------------------------------------------------------------


@pytest.fixture
def first(station: Station) -> Station:
    """Give the first control plane, at its first boot."""
    station.program(
        "kubeadm", f'[ "$*" != "version -o short" ] || {{ echo v1.34.4; exit 0; }}\necho "$*" >>{station.root}/did'
    )
    for name in ("systemctl", "kubectl", "sleep"):
        station.program(name, "true")
    station.program("systemd-detect-virt", "true")
    station.program("ip", "echo 192.0.2.9 via 192.0.2.1 src 192.0.2.2")
    text = (MODULE / "files" / "kubeadm.sh").read_text()
    (station.lib / "kubeadm.sh").write_text(
        text.replace("/etc/dogitops/kubeadm-cluster.yaml", f"{station.root}/cluster.yaml")
    )
    (station.root / "cluster.yaml").write_text("kind: KubeletConfiguration\n")
    return station


def test_the_first_control_plane_begins_a_cluster_where_nothing_answers(first: Station) -> None:
    first.program("curl", "exit 7")
    done = first.run("kubeadm/60-kubeadm.sh", **places(first))
    assert done.returncode == 0, done.stderr
    assert (first.root / "did").read_text().startswith("init --config")
    assert (first.root / "state" / "joined").exists()


def test_it_joins_where_a_cluster_answers(first: Station) -> None:
    first.program("curl", "true")
    done = first.run("kubeadm/60-kubeadm.sh", **places(first))
    assert done.returncode == 1
    assert "waiting for join.env to be handed over" in done.stderr
    (first.root / "handover" / "join.env").write_text("TOKEN=t CA_HASH=h CERTIFICATE_KEY=k\n")
    done = first.run("kubeadm/60-kubeadm.sh", **places(first))
    assert done.returncode == 0, done.stderr
    assert (first.root / "did").read_text().startswith("join --config")


def test_what_was_cut_off_is_undone_first(first: Station) -> None:
    first.program("curl", "exit 7")
    (first.root / "kubernetes" / "kubelet.conf").write_text("half of a node")
    assert first.run("kubeadm/60-kubeadm.sh", **places(first)).returncode == 0
    assert (first.root / "did").read_text().splitlines()[0] == "reset --force"


def test_a_node_is_left_alone(first: Station) -> None:
    (first.root / "state" / "joined").touch()
    assert "this machine is a node already" in first.run("kubeadm/60-kubeadm.sh", **places(first)).stderr
    assert not (first.root / "did").exists()
