from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.errors import ConfigurationError
from automation.toolchain import catalogue, images, oci, recipe
from automation.toolchain.image_build import Builder
from automation.toolchain.recipe import Recipes

REFERENCE = "docker.io/library/hello:1.0"


def recipes(**image: Any) -> Recipes:
    files = {"/hello": {"text": "hello\n"}, "/bin": {"folder": True}, "/bin/hi": {"link": "/hello"}}
    described = {"holds": "a greeting", "files": files, **image}
    return Recipes.model_validate({"format": 1, "systems": {}, "images": {REFERENCE: described}})


def builder(tmp_path: Path, **image: Any) -> Builder:
    return Builder(recipes(**image), tmp_path / "images")


def names(layout: oci.Layout) -> set[str]:
    docker = json.loads((layout.folder / "manifest.json").read_text())[0]
    found: set[str] = set()
    for layer in docker["Layers"]:
        with tarfile.open(layout.folder / layer) as tar:
            found |= set(tar.getnames())
    return found


def test_an_image_is_built_of_its_files(tmp_path: Path) -> None:
    layout = builder(tmp_path).build(REFERENCE)[REFERENCE]
    assert layout.reference == REFERENCE
    assert {"hello", "bin", "bin/hi", "etc/passwd", "tmp"} <= names(layout)


def test_a_bare_image_has_nothing_else(tmp_path: Path) -> None:
    layout = builder(tmp_path, bare=True).build(REFERENCE)[REFERENCE]
    assert names(layout) == {"hello", "bin", "bin/hi"}


def test_a_recipes_file_takes_the_place_of_ours(tmp_path: Path) -> None:
    layout = builder(tmp_path, files={"/etc/group": {"text": "mine"}}).build(REFERENCE)[REFERENCE]
    docker = json.loads((layout.folder / "manifest.json").read_text())[0]
    with tarfile.open(layout.folder / docker["Layers"][0]) as tar:
        group = tar.extractfile("etc/group")
        assert group is not None
        assert group.read() == b"mine"
        assert tar.getnames().count("etc/group") == 1


def test_the_same_recipe_is_built_once(tmp_path: Path) -> None:
    first = builder(tmp_path).build(REFERENCE)[REFERENCE]
    (first.folder / "mark").touch()
    again = builder(tmp_path).build("hello:1.0", "library/hello:1.0")
    assert list(again) == [REFERENCE]
    assert (first.folder / "mark").exists()


def test_it_is_built_anew_when_asked_and_comes_out_the_same(tmp_path: Path) -> None:
    first = builder(tmp_path).build(REFERENCE)[REFERENCE]
    (first.folder / "mark").touch()
    again = builder(tmp_path).build(REFERENCE, again=True)[REFERENCE]
    assert not (first.folder / "mark").exists()
    assert again.digest == first.digest


def test_a_changed_recipe_is_built_anew(tmp_path: Path) -> None:
    first = builder(tmp_path).build(REFERENCE)[REFERENCE]
    changed = builder(tmp_path, command=["/hello"])
    assert [state.state for state in changed.states()] == ["outdated"]
    second = changed.build(REFERENCE)[REFERENCE]
    assert second.folder == first.folder
    assert second.digest != first.digest
    assert [state.state for state in changed.states()] == ["built"]


def test_what_an_image_is_said_to_hold_does_not_change_its_recipe() -> None:
    assert recipes(holds="other words").digest(REFERENCE) == recipes().digest(REFERENCE)


def test_a_damaged_image_is_built_anew(tmp_path: Path) -> None:
    made = builder(tmp_path)
    layout = made.build(REFERENCE)[REFERENCE]
    next((layout.folder / "blobs" / "sha256").iterdir()).unlink()
    assert [state.state for state in made.states()] == ["missing"]
    assert made.build(REFERENCE)[REFERENCE].digest == layout.digest
    assert [state.state for state in made.states()] == ["built"]


def test_what_a_killed_build_left_is_no_image_and_does_not_disturb(tmp_path: Path) -> None:
    made = builder(tmp_path)
    leftover = made.home / f".work-{made.folder(REFERENCE).name}" / "layout"
    leftover.mkdir(parents=True)
    (leftover / "index.json").write_text("{")
    assert list(oci.layouts(made.home)) == []
    made.build(REFERENCE)
    assert not leftover.parent.exists()
    assert [layout.reference for layout in oci.layouts(made.home)] == [REFERENCE]


def test_two_runs_at_once_build_it_once(tmp_path: Path) -> None:
    script = tmp_path / "build.py"
    script.write_text(
        "import sys, pathlib\n"
        "from automation.toolchain.image_build import Builder\n"
        "from automation.toolchain.recipe import Recipes\n"
        f"recipes = Recipes.model_validate_json({recipes().model_dump_json()!r})\n"
        f"made = Builder(recipes, pathlib.Path({str(tmp_path / 'images')!r})).build({REFERENCE!r})\n"
        f"print(made[{REFERENCE!r}].digest)\n"
    )
    package = str(Path(recipe.__file__).parents[2])
    running = [
        subprocess.Popen(
            [sys.executable, script],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": package},
        )
        for _ in range(3)
    ]
    told = [child.communicate(timeout=60) for child in running]
    assert [child.returncode for child in running] == [0, 0, 0]
    assert len({digest for digest, _ in told}) == 1
    assert sum(progress.count("✓ Image") for _, progress in told) == 1


def test_an_image_without_a_recipe_is_named_with_the_nearest_that_has_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"library/helo:1\.0\. Did you mean 'docker.io/library/hello:1.0'"):
        builder(tmp_path).build("docker.io/library/helo:1.0")


def test_a_cache_that_cant_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("a file, where a folder should be")
    with pytest.raises(ConfigurationError, match="can't be written"):
        builder(tmp_path).build(REFERENCE)


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("redis", "docker.io/library/redis:latest"),
        ("redis:7", "docker.io/library/redis:7"),
        ("velero/velero:v1", "docker.io/velero/velero:v1"),
        ("docker.io/redis:7", "docker.io/library/redis:7"),
        ("quay.io/argoproj/argocd:v3", "quay.io/argoproj/argocd:v3"),
        ("localhost/a:1", "localhost/a:1"),
        ("host:5000/a:1", "host:5000/a:1"),
        ("host:5000/a", "host:5000/a:latest"),
    ],
)
def test_short_references_mean_what_docker_means(short: str, full: str) -> None:
    assert recipe.normalised(short) == full


def test_every_recipe_of_ours_is_sound() -> None:
    known = recipe.load()
    for reference in known.images:
        assert recipe.normalised(reference) == reference
        assert "{" not in reference
        assert "{" not in known.images[reference].holds
        assert known.digest(reference)


@pytest.mark.parametrize(
    ("repository", "tool", "template"),
    [
        ("quay.io/argoproj/argocd", "argocd", "v{}"),
        ("docker.io/velero/velero", "velero", "v{}"),
        ("docker.io/velero/velero-plugin-for-aws", "velero-plugin-for-aws", "v{}"),
        ("docker.io/rancher/local-path-provisioner", "local-path-provisioner", "v{}"),
        ("registry.k8s.io/metrics-server/metrics-server", "metrics-server", "v{}"),
        ("registry.k8s.io/kube-apiserver", "kubernetes", "v{}"),
        ("registry.k8s.io/etcd", "etcd", "{}-0"),
    ],
)
def test_versions_follow_the_catalogue(repository: str, tool: str, template: str) -> None:
    assert f"{repository}:{template.format(catalogue.load().tool(tool).version)}" in recipe.load().images


def test_an_environment_gets_its_own_images_and_those_of_all() -> None:
    local, workbench = set(images.for_environment("local")), set(images.for_environment("workbench"))
    assert local < workbench
    assert set(images.for_local()) == local
    assert "prometheus" in " ".join(workbench - local)
    assert not any(recipe.load().images[name].node for name in workbench)


def test_images_change_with_the_tools_in_them(tmp_path: Path) -> None:
    one, other = (recipes(files={"/a": {"tool": name}}).digest(REFERENCE) for name in ("kubectl", "kubeadm"))
    assert one != other
    assert recipe.tool_digest("kubeadm") == catalogue.load().tool("kubernetes").digest()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"unknown": 1}, "Extra inputs are not permitted"),
        ({"files": {"/a": {}}}, "exactly one of"),
        ({"files": {"/a": {"text": "", "folder": True}}}, "exactly one of"),
        ({"files": {"/a": {"module": "argocd"}}}, "path goes with"),
        ({"files": {"/a": {"text": "", "mode": "rwx"}}}, "should match pattern"),
        ({"files": {"../a": {"text": ""}}}, "should match pattern"),
        ({"files": {"/a": {"tool": "kubectrl"}}}, "kubectl"),
        ({"system": "debain"}, "Did you mean 'debian'"),
        ({"user": "root"}, "should match pattern"),
    ],
)
def test_a_malformed_recipe_is_named(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    file = tmp_path / "images.yaml"
    image = {"holds": "x", "files": {}, **change}
    file.write_text(
        yaml.safe_dump({"format": 1, "systems": {"debian": {"packages": ["a"]}}, "images": {"docker.io/a/b:1": image}})
    )
    with pytest.raises(ConfigurationError) as raised:
        recipe.load(file)
    assert complaint in raised.value.message


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: [", "is not YAML"),
        ("- list", "is malformed"),
        ("images: {'docker.io/a:v{nonesuch}': {holds: x, files: {}}}", "nonesuch"),
        ("images: {'docker.io/a:1': 5}", "is malformed"),
    ],
)
def test_a_file_that_is_no_list_of_recipes_is_told(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "images.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=complaint):
        recipe.load(file)
