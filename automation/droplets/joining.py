"""What a machine needs to join a cluster, made on the first one at the moment of joining, and short-lived."""

from __future__ import annotations

import shlex

from automation.droplets.machine import Machine
from automation.errors import DogitopsError
from automation.secret import Secret

_PKI = "/etc/kubernetes/pki/etcd"
_ETCD = (
    f"etcdctl --endpoints https://127.0.0.1:2379 --cacert {_PKI}/ca.crt "
    f"--cert {_PKI}/server.crt --key {_PKI}/server.key"
)
_NAMED = 2  # ID, status, name, …
_CA = "/etc/kubernetes/pki/ca.crt"
_HASH = f"openssl x509 -pubkey -noout -in {_CA} | openssl pkey -pubin -outform der | sha256sum | cut -d ' ' -f 1"


def kubeadm(first: Machine, *, control_plane: bool, minutes: int = 15) -> Secret:
    """Return what ``join.env`` holds, made on the first control plane.

    The token ends after some minutes. For another control plane the cluster's certificates are uploaded, encrypted
    with a key that is given to it alone; kubeadm deletes them after two hours. Raises DogitopsError where the first
    control plane can't make it.
    """
    token = Secret(first.ok(f"kubeadm token create --ttl {minutes}m").strip())
    key = Secret("")
    if control_plane:
        told = first.ok("kubeadm init phase upload-certs --upload-certs").strip().splitlines()
        key = Secret(told[-1].strip() if told else "")
    words = {"TOKEN": token.reveal(), "CA_HASH": f"sha256:{first.ok(_HASH).strip()}", "CERTIFICATE_KEY": key.reveal()}
    if not words["TOKEN"] or (control_plane and not words["CERTIFICATE_KEY"]):
        raise DogitopsError(f"kubeadm on {first.name} made no token.", hint="Is its API up?")
    return Secret("".join(f"{name}={shlex.quote(value)}\n" for name, value in words.items()))


def members(machine: Machine) -> dict[str, str]:
    """Return etcd's members, as one of its machines knows them: their IDs, and by which name they go."""
    listed = [[word.strip() for word in line.split(",")] for line in machine.ok(f"{_ETCD} member list").splitlines()]
    return {words[0]: words[_NAMED] for words in listed if len(words) > _NAMED}


def forget_member(machine: Machine, name: str) -> None:
    """Take members of this name out of etcd, on one of its machines: their machine is gone, or asks to join anew."""
    for number, named in members(machine).items():
        if named == name:
            machine.ok(f"{_ETCD} member remove {shlex.quote(number)}")


def k3s(first: Machine, *, server: bool, minutes: int = 15) -> Secret:
    """Return the token with which a machine joins a K3s cluster: a short-lived one for an agent.

    K3s takes nothing but its lasting token from another server. Raises DogitopsError where there is none.
    """
    command = "cat /var/lib/rancher/k3s/server/token" if server else f"k3s token create --ttl {minutes}m"
    token = Secret(first.ok(command).strip())
    if not token.reveal():
        raise DogitopsError(f"K3s on {first.name} made no token.", hint="Is its API up?")
    return token
