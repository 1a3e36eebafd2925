"""A droplet that runs here: an image of this distribution with systemd, cloud-init and an SSH server.

It stands for the image that DigitalOcean starts a droplet from. cloud-init finds its seed where ``SEED`` says (the
data source is NoCloud: that of DigitalOcean asks the firmware for the maker's name, and a container has no firmware).
"""

from __future__ import annotations

from automation import report
from automation.toolchain import catalogue, engine, oci, recipe, rootfs
from automation.toolchain.cache import told
from automation.toolchain.engine import docker
from automation.toolchain.locks import locked, scratch
from automation.workspace import cache_folder

FORMAT = 2  # raise it when a change here changes the image
IMAGE = "dogitops-droplet/image"
SEED = "/var/lib/cloud/seed/nocloud"
_LABEL = "dogitops.recipe"
# What Ubuntu's image for clouds has, as far as the boot needs it, and what nodes of Kubernetes need from packages.
_PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "cloud-init", "openssh-server", "sudo", "unattended-upgrades", "kmod"),
    *("iproute2", "iptables", "nftables", "conntrack", "ethtool", "socat", "curl", "ca-certificates", "e2fsprogs"),
    *(
        "util-linux",
        "mount",
        "procps",
        "hostname",
        "runc",
        "containernetworking-plugins",
        "libseccomp2",
        "iputils-ping",
    ),
)
_FILES = {
    # The engine has given the machine its address already.
    "/etc/cloud/cloud.cfg.d/99_here.cfg": "datasource_list: [NoCloud]\nnetwork: {config: disabled}\nlocale: C.UTF-8\n",
    # docker's own file is mounted there: it is not cloud-init's to write.
    "/etc/cloud/cloud.cfg.d/99_hosts.cfg": "manage_etc_hosts: false\n",
    "/etc/systemd/journald.conf.d/here.conf": "[Journal]\nReadKMsg=no\nStorage=volatile\n",
}
# The engine keeps the network, and nobody sits at a terminal.
_SWITCHED_OFF = (
    *("systemd-networkd.service", "systemd-networkd.socket", "systemd-networkd-wait-online.service"),
    *("getty@.service", "console-getty.service"),
)
# No devices of its own, no upgrades: the machine around it has them.
_HOOKS = (
    'rm -f "$1"/lib/systemd/system/sockets.target.wants/*udev* "$1"/lib/systemd/system/sysinit.target.wants/*udev*',
    'rm -f "$1"/lib/systemd/system/local-fs.target.wants/* "$1"/etc/machine-id "$1"/etc/ssh/ssh_host_*',
    'ln -sf /dev/null "$1"/etc/systemd/system/systemd-binfmt.service',
    'ln -sf /dev/null "$1"/etc/systemd/system/networking.service',
    'ln -sf /dev/null "$1"/etc/systemd/system/apt-daily.timer',
    'ln -sf /dev/null "$1"/etc/systemd/system/apt-daily-upgrade.timer',
    'ln -sf /lib/systemd/system/multi-user.target "$1"/etc/systemd/system/default.target',
)


def ensure() -> str:
    """Return the docker reference of the image, built if need be.

    Raises ConfigurationError where docker does not run or packages can't be fetched, DogitopsError where a build fails.
    """
    engine.ensure_docker()
    digest = _digest()
    reference = f"{IMAGE}:{digest}"
    if engine.image_label(reference, _LABEL) == digest:
        return reference
    with locked(cache_folder() / "docker" / "droplet-image.lock", reference):
        if engine.image_label(reference, _LABEL) != digest:
            _build(reference, digest)
    return reference


def _wanted() -> rootfs.Wanted:
    return rootfs.Wanted(_PACKAGES, "minbase", (), _HOOKS)


def _digest() -> str:
    return recipe.digest_of(FORMAT, _wanted().digest(), _FILES, _SWITCHED_OFF)


def _build(reference: str, digest: str) -> None:
    system = rootfs.ensure(_wanted())
    with (
        report.phase(f"Droplet image {reference}"),
        told(reference, cache_folder()),
        scratch(cache_folder() / "docker" / "droplet-image") as work,
    ):
        files = [oci.Item(path, 0o644, content=text.encode()) for path, text in _FILES.items()]
        files += [oci.Item(f"/etc/systemd/system/{unit}", link="/dev/null") for unit in _SWITCHED_OFF]
        files.append(oci.Item("/opt/cni/bin", link="/usr/lib/cni"))  # where the distribution has them
        layers = [
            oci.Layer(system.archive, system.digest, system.size),
            oci.write_layer(work / "layer.tar", files),
        ]
        settings = oci.Settings(
            entrypoint=["/sbin/init"],
            env={"container": "docker"},
            labels={_LABEL: digest},
            stop_signal="SIGRTMIN+3",
        )
        oci.write_layout(work / "layout", reference, layers, settings, arch=catalogue.arch(), recipe=digest)
        oci.pack(work / "layout", work / "image.tar")
        docker("load", "--quiet", "--input", work / "image.tar")
