"""K3s: which release there is, and what a machine that runs it gives."""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from urllib.parse import quote

import yaml

from automation import retry
from automation.droplets.machine import Machine
from automation.errors import ConfigurationError, DogitopsError
from automation.secret import Secret

VERSION = "v1.34.4+k3s1"  # what is taken where nobody says another; that of Kubernetes elsewhere in the repository
RELEASES = "https://github.com/k3s-io/k3s/releases"
ADDRESS_VARIABLE = "DOGITOPS_K3S_RELEASES"  # another place with the same files, such as a mirror
_CHECKSUMS = "sha256sum-amd64.txt"
_LINE = re.compile(r"^([0-9a-f]{64})\s+\*?k3s$", re.MULTILINE)
_VERSION = re.compile(r"v1\.[0-9]{2}\.[0-9]+\+k3s[0-9]+")
_KUBECONFIG = "/etc/rancher/k3s/k3s.yaml"
_NAME = "kubernetes"  # in K3s's certificate, whatever the machine's address is (k3s, pkg/cluster/https.go)
_CREDENTIALS = {"client-key-data", "client-certificate-data", "token", "password"}
_TRIES = 3
_GONE = 404


class _Passing(DogitopsError):  # noqa: N818 - reads as what happened
    """The release can't be reached at the moment."""


def release(version: str) -> dict[str, str]:
    """Return what a plan must know of a release: ``version``, ``sha256``, and ``url`` where that is a mirror's.

    Raises as :func:`sha256` does.
    """
    told = {"version": version, "sha256": sha256(version)}
    return told if _place() == RELEASES else {**told, "url": f"{_place()}/download/{quote(version)}/k3s"}


def sha256(version: str) -> str:
    """Return the sha256 of the program ``k3s`` of a release, as the release itself tells it.

    Raises ConfigurationError for a version that there is not, DogitopsError where that can't be told.
    """
    if not _VERSION.fullmatch(version):
        raise ConfigurationError(
            f"{version!r} names no release of K3s.",
            hint=f'They are named such as "{VERSION}"; {RELEASES} lists them. Kubernetes\'s version alone names none.',
        )
    for attempt in retry.attempts(_Passing, tries=_TRIES):
        with attempt:
            text = _fetched(f"{_place()}/download/{quote(version)}/{_CHECKSUMS}", version)
    found = _LINE.search(text)
    if found is None:
        raise DogitopsError(
            f"{_CHECKSUMS} of K3s {version} does not name the program k3s.",
            hint=f"Look at {RELEASES}, and write the sha256 down yourself (variable k3s).",
        )
    return found[1]


def kubeconfig(machine: Machine) -> str:
    """Return the kubeconfig of the K3s on a machine, for use from here. Its keys have full rights.

    Raises Refused while the machine is known by the host key of its first boot alone; see :meth:`Machine.run`.
    """
    machine.must_be_known()
    text = machine.ok(f"cat {_KUBECONFIG}")
    try:
        told = yaml.safe_load(text)
        for one in told["clusters"]:
            one["cluster"]["server"] = f"https://{machine.address}:6443"
            one["cluster"]["tls-server-name"] = _NAME
        for one in told.get("users") or ():  # masked from now on, wherever text leaves us
            for key in _CREDENTIALS & one["user"].keys():
                Secret(str(one["user"][key]))
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise DogitopsError(f"{_KUBECONFIG} of {machine.name} is no kubeconfig: {error!r}") from error
    return yaml.safe_dump(told, sort_keys=False)


def _place() -> str:
    return os.environ.get(ADDRESS_VARIABLE, "").rstrip("/") or RELEASES


def _fetched(url: str, version: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - the address is ours or the user's
            return str(answer.read(1_000_000).decode(errors="replace"))
    except urllib.error.HTTPError as error:
        if error.code == _GONE:
            raise ConfigurationError(
                f"There is no K3s {version}.", hint=f"{_place()} lists the releases. Known to have been: {VERSION}."
            ) from error
        raise _Passing(f"{url} answered {error.code}.", hint="Try again later.") from error
    except (OSError, ValueError) as error:
        raise _Passing(
            f"The releases of K3s can't be reached: {url}: {error}",
            hint=f"Set {ADDRESS_VARIABLE} to a mirror; or write version and sha256 down yourself (variable k3s).",
        ) from error
