"""A node of kubeadm from an empty machine's image: by cloud-init and dogitops, and by hand, both up to Ready."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import Pair, Result, timed

from automation import process, report, wait
from automation.clusters.kind import _conflist
from automation.errors import DogitopsError
from automation.toolchain import droplet_image, install

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".dogitops" / "benchmark-machines"
sys.path.insert(0, str(ROOT))

from tests.e2e.droplets import cluster, local  # noqa: E402 - what tests boot is what is measured

NAME = "dogitops-bench-machine"
UNITS = ("containerd.service", "kubelet.service", "containerd.toml", "sysctl.conf")
# What somebody who knows how types, on a machine with systemd: nothing that is not needed, one thing after another.
BY_HAND = """
fetch() { curl -fsS -o "$2" "$MIRROR/$1"; chmod 0755 "$2"; }
for program in kubeadm kubelet kubectl; do fetch $program /usr/local/bin/$program; done
curl -fsS "$MIRROR/containerd.tar.gz" | tar -xz -C /usr/local
mkdir -p /etc/containerd
cp /bench/containerd.toml /etc/containerd/config.toml
cp /bench/containerd.service /bench/kubelet.service /etc/systemd/system/
sysctl -q -p /bench/sysctl.conf
systemctl daemon-reload
systemctl enable --now containerd
until ctr version >/dev/null 2>&1; do sleep 0.2; done
for archive in /usr/local/share/dogitops/images/*.tar; do
  ctr -n k8s.io images import --no-unpack "$archive" >/dev/null
done
systemctl enable kubelet
kubeadm init --config /bench/kubeadm.yaml
export KUBECONFIG=/etc/kubernetes/admin.conf
until kubectl get node -o 'jsonpath={.items[0].spec.podCIDR}' | grep -q /; do sleep 0.2; done
mkdir -p /etc/cni/net.d
cp /bench/network.conflist /etc/cni/net.d/10-bench.conflist
kubectl wait --for=condition=Ready node --all --timeout=180s
"""
CONFIGURATION = """\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration: {criSocket: "unix:///run/containerd/containerd.sock"}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: VERSION
networking: {podSubnet: 10.112.0.0/14, serviceSubnet: 10.96.0.0/16}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: systemd
serializeImagePulls: false
imageGCHighThresholdPercent: 100
evictionHard: {imagefs.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%"}
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
conntrack: {maxPerCore: 0}
"""


def machines(repeat: int) -> Result:
    """Measure in turn: a machine that sets itself up, watched over SSH; and the same image set up by ``BY_HAND``."""
    ours: list[float] = []
    theirs: list[float] = []
    with report.phase("Making everything ready"):
        droplet_image.ensure()
        install.ensure("tofu")
        shutil.rmtree(HOME, ignore_errors=True)
    try:
        for number in range(1, repeat + 1):
            for mine in (number % 2 == 0, number % 2 == 1):  # who begins changes from round to round
                with report.phase(f"machine, round {number}: {'dogitops' if mine else 'by hand'}"):
                    (ours if mine else theirs).append(_ours() if mine else _bare())
    finally:
        shutil.rmtree(HOME, ignore_errors=True)
    what = "a machine from an empty image, up to a Ready node; bare: kubeadm init by hand"
    return Result("machines", [Pair(what, tuple(ours), tuple(theirs), 1.2)])


def _ours() -> float:
    with cluster.planned(_fresh("ours"), NAME, control_planes=1, workers=0, snapshots=False) as planned:
        began = time.perf_counter()
        with planned.started() as made:
            made.join()
            took = time.perf_counter() - began
            if not made.cluster.ready():
                raise DogitopsError("The machine has booted, and its node is not Ready.")
    return took


def _bare() -> float:
    folder = _fresh("bare")
    with cluster.prepare(folder) as prepared, _typed(folder) as typed:

        def work() -> None:
            options = (*local.OPTIONS, *prepared.options, "--volume", f"{typed}:/bench:ro")
            local.docker("run", "--name", NAME, "--hostname", NAME, *options, droplet_image.ensure())
            wait.until(_systemd, "systemd to run", timeout=60, interval=0.2)
            script = f"set -e\nMIRROR={prepared.url}\n{BY_HAND}"
            process.run(["docker", "exec", "-i", NAME, "sh"], stdin=script, timeout=600)

        try:
            return timed(work)
        finally:
            local.remove(NAME)


def _systemd() -> bool:
    done = process.run(["docker", "exec", NAME, "systemctl", "is-active", "dbus.socket"], check=False)
    return done.returncode == 0


@contextmanager
def _typed(folder: Path) -> Iterator[Path]:
    """Yield a folder with the files that somebody has at hand."""
    typed = folder / "typed"
    typed.mkdir()
    for name in UNITS:
        shutil.copy(local.MODULE / "files" / name, typed / name)
    (typed / "kubeadm.yaml").write_text(CONFIGURATION.replace("VERSION", f"v{cluster.VERSION}"))
    (typed / "network.conflist").write_text(json.dumps(_conflist("10.112.0.0/24")))
    yield typed


def _fresh(name: str) -> Path:
    folder = HOME / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
