from __future__ import annotations

import re
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from automation.errors import ConfigurationError
from automation.toolchain import catalogue
from automation.toolchain.catalogue import MODULES, Tool

NO_SUM = "h1:" + "A" * 43 + "="
SHIPPED = catalogue.load()


def entry(**changes: Any) -> dict[str, Any]:
    build = {"module": "example.test/hello", "sum": NO_SUM, "packages": {"hello": "."}}
    return {
        "version": "1.0.0",
        "purpose": "says hello",
        "needed_for": ["tests"],
        "seconds": 1,
        "build": build,
        **changes,
    }


@pytest.mark.parametrize(
    "binary",
    [
        *(
            "tofu",
            "kubectl",
            "kind",
            "k3d",
            "helm",
            "kustomize",
            "argocd",
            "velero",
            "velero-plugin-for-aws",
            "cp-plugin",
        ),
        *("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubeadm"),
        *("versitygw", "containerd", "containerd-shim-runc-v2", "ctr", "etcd", "coredns", "local-path-provisioner"),
        *("metrics-server", "velero-restore-helper", "act", "actionlint", "kubeconform", "sops"),
    ],
)
def test_every_program_that_the_project_uses_is_in_the_catalogue(binary: str) -> None:
    assert binary in SHIPPED.tool(SHIPPED.tool_of(binary)).binaries


@pytest.mark.parametrize("name", SHIPPED.tools)
def test_templates_have_only_known_placeholders(name: str) -> None:
    tool = SHIPPED.tools[name]
    for template in (tool.release.url, tool.release.checksums) if tool.release else ():
        filled = tool.filled(template, binary=tool.binaries[0], arch="amd64")
        assert not [field for _, field, _, _ in string.Formatter().parse(filled) if field]
        assert (tool.called or tool.version) in filled
    assert "{" not in tool.filled(tool.build.ldflags)


@pytest.mark.parametrize("name", [name for name, tool in SHIPPED.tools.items() if tool.build.mode == "wrapper"])
def test_what_a_wrapper_module_pins_is_what_the_catalogue_says(name: str) -> None:
    tool = SHIPPED.tools[name]
    assert tool.build.folder is not None
    pinned = (MODULES / tool.build.folder / "go.sum").read_text()
    required = (MODULES / tool.build.folder / "go.mod").read_text()
    assert f"{tool.build.module} v{tool.version} {tool.build.sum}\n" in pinned
    assert re.search(rf"^require {re.escape(tool.build.module)} v{re.escape(tool.version)}$", required, re.MULTILINE)


def test_kubernetes_and_its_parts_are_of_one_version() -> None:
    replaced = re.findall(r"=> k8s\.io/\S+ v0\.(\S+)", (MODULES / "kubernetes" / "go.mod").read_text())
    assert set(replaced) == {SHIPPED.tools["kubernetes"].version.removeprefix("1.")}
    assert SHIPPED.tools["kubectl"].version == SHIPPED.tools["kubernetes"].version


def test_no_download_from_a_vendor_goes_unencrypted() -> None:
    with pytest.raises(ValueError, match="not an https URL"):
        Tool.model_validate(entry(release={"url": "http://example.test/a", "checksums": "https://example.test/b"}))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"verison": "1.0.0"}, "tools.hello.verison: Extra inputs are not permitted"),
        ({"version": "v1.0.0"}, "tools.hello.version"),
        ({"needed_for": ["fun"]}, "tools.hello.needed_for.0"),
        ({"build": {"module": "m", "sum": "h1:short", "packages": {"hello": "."}}}, "tools.hello.build.sum"),
        (
            {"build": {"module": "m", "sum": NO_SUM, "packages": {"hello": "."}, "mode": "wrapper"}},
            "mode wrapper needs a folder",
        ),
        ({"build": {"module": "m", "packages": {"hello": "."}}}, "mode module needs module and sum"),
        (
            {"build": {"module": "m", "sum": NO_SUM, "packages": {"hello": "."}, "mode": "own", "folder": "hello"}},
            "mode own takes no module and sum",
        ),
    ],
)
def test_a_malformed_entry_is_named(write_catalogue: Callable[..., Path], changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        catalogue.load(write_catalogue(hello=entry(**changes)))
    assert told in caught.value.message


def test_a_program_belongs_to_one_tool(write_catalogue: Callable[..., Path]) -> None:
    with pytest.raises(ConfigurationError, match="hello is in both first and second"):
        catalogue.load(write_catalogue(first=entry(), second=entry()))


def test_text_that_is_not_yaml_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("tools: [")
    with pytest.raises(ConfigurationError, match="is not YAML"):
        catalogue.load(tmp_path / "broken.yaml")


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'kubectl'"):
        SHIPPED.tool_of("kubctl")
    with pytest.raises(ConfigurationError, match="Did you mean 'velero'"):
        SHIPPED.tool("velro")


def test_the_digest_follows_what_the_binaries_are_made_of() -> None:
    before = Tool.model_validate(entry())
    assert Tool.model_validate(entry(version="1.0.1")).digest() != before.digest()
    assert Tool.model_validate(entry(build={**entry()["build"], "ldflags": "-X a=b"})).digest() != before.digest()
    assert Tool.model_validate(entry(purpose="waves", seconds=2)).digest() == before.digest()
