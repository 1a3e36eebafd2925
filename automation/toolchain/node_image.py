"""kind's node image: a Debian system with kind's own files, containerd, Kubernetes and its images inside."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from automation import report
from automation.errors import CommandFailed, DogitopsError
from automation.toolchain import catalogue, engine, install, oci, recipe, rootfs
from automation.toolchain.cache import told
from automation.toolchain.engine import docker
from automation.toolchain.locks import locked, scratch
from automation.workspace import cache_folder

FORMAT = 2  # raise it when a change here changes the image
RECIPE = "dogitops.recipe"
CNI = "dogitops.cni"
# Found by its name, never by a label: docker commit hands labels on to the image, and so to every cluster's nodes.
_BUILDER = "dogitops-build-node"
_BASE = "dogitops-build/node:base"
_TOOLS = {
    "/usr/local/bin": ("containerd", "containerd-shim-runc-v2", "ctr"),
    "/usr/bin": ("kubelet", "kubeadm", "kubectl"),
}
_KIND_FILES = Path("images/base/files")
_STORAGE = """\
# The storage class comes from Git, with the annotation that lets Velero see its volumes.
apiVersion: v1
kind: Namespace
metadata:
  name: local-path-storage
"""
_PREPARE = r"""
set -eu
rm -f /lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service \
  /lib/systemd/system/multi-user.target.wants/* /etc/systemd/system/*.wants/* \
  /lib/systemd/system/local-fs.target.wants/* /lib/systemd/system/sockets.target.wants/*udev* \
  /lib/systemd/system/sockets.target.wants/*initctl* /lib/systemd/system/basic.target.wants/*
rm -f /etc/machine-id /etc/resolv.conf 2>/dev/null || true
echo ReadKMsg=no >>/etc/systemd/journald.conf
systemctl enable kubelet.service containerd.service undo-mount-hacks.service
systemctl mask systemd-binfmt.service
mkdir -p /etc/kubernetes/manifests /opt/cni/bin
cp -a /usr/lib/cni/* /opt/cni/bin/
ctr oci spec | jq '.hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}]
  | del(.process.rlimits)' >/etc/containerd/cri-base.json
containerd >/tmp/containerd.log 2>&1 &
for _ in $(seq 200); do ctr version >/dev/null 2>&1 && break; sleep 0.1; done
for image in "$@"; do
  tar -C "/images/$image" -cf - . | ctr -n k8s.io images import --no-unpack --label=io.cri-containerd.pinned=pinned -
done
kill %1
wait %1 || true
rm -f /tmp/containerd.log
"""


def is_current(reference: str) -> bool:
    """Whether docker has the image: pulled from upstream, or built here from the recipe as it stands now."""
    if not engine.image_exists(reference):
        return False
    return engine.image_label(reference, RECIPE) in {None, digest()}


def pull(reference: str) -> bool:
    """Pull the image from upstream; return whether that worked."""
    with report.phase(f"Pull {reference}"):
        try:
            docker("pull", "--quiet", reference, timeout=1200)
        except CommandFailed as error:
            report.note(f"{reference} can't be pulled: {error.output.strip().splitlines()[-1:]}")
            return False
    digests = docker("image", "inspect", "--format", "{{json .RepoDigests}}", reference).stdout.strip()
    report.note(f"{reference} is {digests}")
    return True


def digest() -> str:
    """Return what changes whenever the image shall be built anew."""
    recipes = recipe.load()
    return recipe.digest_of(
        FORMAT,
        recipes.systems["node"].wanted().digest(),
        [recipes.digest(reference) for reference, each in recipes.images.items() if each.node],
        [recipe.tool_digest(name) for names in (*_TOOLS.values(), ("kind",)) for name in names],
        [_PREPARE, _STORAGE, engine.lacks_sys_resource()],
    )


def build(reference: str, inside: Callable[[], Sequence[oci.Layout]]) -> None:
    """Build the node image into docker; ``inside`` gives the images that lie in it.

    Raises DogitopsError where that fails; nothing but the finished image is left in docker.
    """
    with locked(cache_folder() / "docker" / "node-image.lock", reference):
        if is_current(reference):
            return
        engine.ensure_docker()
        _remove_leftovers()
        programs = install.ensure(*(name for names in _TOOLS.values() for name in names))
        layouts = inside()
        system = rootfs.ensure(recipe.load().systems["node"].wanted())
        old = docker("image", "inspect", "--format", "{{.Id}}", reference, check=False).stdout.strip()
        with (
            report.phase(f"Node image {reference}"),
            told(reference, cache_folder()),
            scratch(cache_folder() / "docker" / "node-image") as work,
        ):
            try:
                _load_base(work, system, programs)
                _finish(reference, layouts)
            finally:
                _remove_leftovers()
            if old:
                docker("image", "rm", old, check=False)  # stays where a cluster still uses it


def items(programs: dict[str, Path], kind: Path, *, restricted: bool) -> list[oci.Item]:
    """Return the files of the node besides Debian's: kind's own (``kind`` is its module's folder) and ours.

    ``restricted`` is whether the machine lacks CAP_SYS_RESOURCE.
    """
    found: dict[str, oci.Item] = {}
    files = kind / _KIND_FILES
    for file in sorted(path for path in files.rglob("*") if path.is_file()):
        path = f"/{file.relative_to(files)}"
        mode = 0o755 if path.startswith(("/usr/local/bin/", "/kind/bin/")) else 0o644
        found[path] = oci.Item(path, mode, source=file)
    config = "/etc/containerd/config.toml"
    text = containerd_config((files / config.lstrip("/")).read_text(), restricted=restricted)
    texts = {
        config: text,
        "/kind/version": f"v{install.version('kubernetes')}",
        "/kind/manifests/default-storage.yaml": _STORAGE,
        "/kind/manifests/default-cni.yaml": "",
    }
    found |= {path: oci.Item(path, 0o644, content=text.encode()) for path, text in texts.items()}
    for folder, names in _TOOLS.items():
        found |= {f"{folder}/{name}": oci.Item(f"{folder}/{name}", source=programs[name]) for name in names}
    runc = "/usr/local/sbin/runc"  # where kind's containerd looks
    found[runc] = oci.Item(runc, link="/usr/sbin/runc")
    return list(found.values())


def containerd_config(text: str, *, restricted: bool) -> str:
    """Return kind's containerd configuration with our pause image and mirrors; see :func:`items`."""
    pause = next(name for name in recipe.load().images if "/pause:" in name)
    lines = [
        f'  sandbox_image = "{pause}"' if line.strip().startswith("sandbox_image") else line
        for line in text.splitlines()
    ]
    changed = "\n".join(lines)
    if restricted:
        changed = changed.replace("restrict_oom_score_adj = false", "restrict_oom_score_adj = true")
    for wanted in (pause, "restrict_oom_score_adj"):
        if wanted not in changed:
            raise DogitopsError(
                f"kind's containerd configuration says nothing of {wanted} any more.",
                hint="The pinned version of kind changed its files: adapt automation/toolchain/node_image.py to it.",
            )
    return changed + '\n\n[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "/etc/containerd/certs.d"\n'


def _load_base(work: Path, system: rootfs.Rootfs, programs: dict[str, Path]) -> None:
    kind = install.module_folder("kind")
    layer = oci.write_layer(work / "layer.tar", items(programs, kind, restricted=engine.lacks_sys_resource()))
    settings = oci.Settings(
        entrypoint=["/usr/local/bin/entrypoint", "/sbin/init"],
        env={"container": "docker"},
        labels={RECIPE: digest(), CNI: "ptp"},
        stop_signal="SIGRTMIN+3",
    )
    layers = [oci.Layer(system.archive, system.digest, system.size), layer]
    oci.write_layout(work / "layout", _BASE, layers, settings, arch=catalogue.arch(), recipe=digest())
    oci.pack(work / "layout", work / "image.tar")
    docker("load", "--quiet", "--input", work / "image.tar")


def _finish(reference: str, layouts: Sequence[oci.Layout]) -> None:
    """Do in a container what kind's Dockerfile does, import the images, and keep the result."""
    images = layouts[0].folder.parent
    container = docker(
        *("run", "--detach", "--name", _BUILDER, "--security-opt", "seccomp=unconfined", "--network", "none"),
        *("--volume", f"{images}:/images:ro", "--entrypoint", "sleep", _BASE, "infinity"),
    ).stdout.strip()
    folders = [layout.folder.name for layout in layouts]
    docker("exec", "-i", container, "bash", "-s", "--", *folders, stdin=_PREPARE, on_line=report.doing)
    listed = docker("exec", container, "ls", "/var/lib/containerd/io.containerd.content.v1.content/blobs/sha256")
    missing = [layout.reference for layout in layouts if layout.digest.removeprefix("sha256:") not in listed.stdout]
    if missing:
        raise DogitopsError(
            f"containerd did not take {', '.join(missing)} into the node image.",
            hint="'dogitops images build' makes them anew.",
        )
    entrypoint = json.dumps(["/usr/local/bin/entrypoint", "/sbin/init"])
    docker("commit", "--change", f"ENTRYPOINT {entrypoint}", "--change", "CMD []", container, reference)


def _remove_leftovers() -> None:
    """Remove what builds, finished or killed, left in docker; the lock says that none of them is still needed."""
    docker("rm", "--force", "--volumes", _BUILDER, check=False)
    docker("image", "rm", _BASE, check=False)
