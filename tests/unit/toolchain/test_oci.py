from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.toolchain import oci
from automation.toolchain.oci import Item, Layer, Settings

REFERENCE = "registry.example/team/thing:v1"


def items(tmp_path: Path) -> list[Item]:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    return [
        Item("/bin/thing", source=program),
        Item("/data", 0o700, owner=999),
        Item("/etc/motd", 0o644, content=b"hello\n"),
        Item("/bin/alias", link="/bin/thing"),
    ]


def layout(tmp_path: Path, *, settings: Settings | None = None) -> Path:
    layer = oci.write_layer(tmp_path / "layer.tar", items(tmp_path))
    folder = tmp_path / "layout"
    oci.write_layout(folder, REFERENCE, [layer], settings or Settings(), arch="amd64", recipe="abc")
    return folder


def test_a_layer_holds_what_was_asked_for(tmp_path: Path) -> None:
    layer = oci.write_layer(tmp_path / "layer.tar", items(tmp_path))
    with tarfile.open(layer.archive) as tar:
        found = {member.name: member for member in tar}
        assert list(found) == ["bin/alias", "bin/thing", "data", "etc/motd"]
        assert found["data"].isdir()
        assert (found["data"].mode, found["data"].uid, found["data"].gid) == (0o700, 999, 999)
        assert found["bin/alias"].linkname == "/bin/thing"
        assert found["bin/thing"].mode == 0o755
        motd = tar.extractfile("etc/motd")
        assert motd is not None
        assert motd.read() == b"hello\n"


def test_a_layers_digest_and_size_are_those_of_its_archive(tmp_path: Path) -> None:
    layer = oci.write_layer(tmp_path / "layer.tar", items(tmp_path))
    content = layer.archive.read_bytes()
    assert layer.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert layer.size == len(content)


def test_equal_content_gives_equal_bytes_whenever_and_in_whatever_order_it_comes(tmp_path: Path) -> None:
    given_items = items(tmp_path)
    first = oci.write_layer(tmp_path / "one.tar", given_items)
    (tmp_path / "program").touch()
    second = oci.write_layer(tmp_path / "two.tar", given_items[::-1])
    assert first.digest == second.digest


@given(st.dictionaries(st.from_regex(r"/[a-z]{1,8}", fullmatch=True), st.binary(max_size=2000), max_size=6))
def test_what_goes_into_a_layer_comes_out_of_it(contents: dict[str, bytes]) -> None:
    import tempfile  # noqa: PLC0415 - a folder for each example, which tmp_path is not

    with tempfile.TemporaryDirectory() as name:
        layer = oci.write_layer(
            Path(name) / "l.tar", [Item(path, 0o644, content=data) for path, data in contents.items()]
        )
        with tarfile.open(layer.archive) as tar:
            out = {f"/{member.name}": (tar.extractfile(member) or io.BytesIO()).read() for member in tar}
    assert out == contents


def test_every_blob_of_a_layout_is_called_by_its_content(tmp_path: Path) -> None:
    blobs = list((layout(tmp_path) / "blobs" / "sha256").iterdir())
    assert len(blobs) == 3  # manifest, configuration, layer
    for blob in blobs:
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name


def test_a_layout_is_read_back(tmp_path: Path) -> None:
    found = oci.read_layout(layout(tmp_path))
    assert found is not None
    assert (found.reference, found.recipe) == (REFERENCE, "abc")
    sizes = [blob.stat().st_size for blob in (found.folder / "blobs" / "sha256").iterdir()]
    assert found.size == sum(sizes)


def test_the_configuration_says_how_a_container_starts(tmp_path: Path) -> None:
    folder = layout(
        tmp_path,
        settings=Settings(
            entrypoint=["/bin/thing"],
            command=["serve"],
            env={"HOME": "/data"},
            user="999",
            workdir="/data",
            volumes=["/data"],
            ports=[6379],
        ),
    )
    docker = json.loads((folder / "manifest.json").read_text())[0]
    config = json.loads((folder / docker["Config"]).read_text())
    assert config["config"]["Entrypoint"] == ["/bin/thing"]
    assert config["config"]["Cmd"] == ["serve"]
    assert "HOME=/data" in config["config"]["Env"]
    assert any(entry.startswith("PATH=") for entry in config["config"]["Env"])
    assert config["config"]["ExposedPorts"] == {"6379/tcp": {}}
    assert config["rootfs"]["diff_ids"] == [f"sha256:{Path(docker['Layers'][0]).name}"]
    assert (config["architecture"], config["os"]) == ("amd64", "linux")


def test_a_setting_that_is_not_made_is_left_out(tmp_path: Path) -> None:
    folder = layout(tmp_path)
    docker = json.loads((folder / "manifest.json").read_text())[0]
    assert set(json.loads((folder / docker["Config"]).read_text())["config"]) == {"Env"}


@pytest.mark.parametrize("harm", ["a blob gone", "a blob cut", "half written", "no JSON", "not a manifest"])
def test_a_layout_that_is_not_whole_is_no_layout(tmp_path: Path, harm: str) -> None:
    folder = layout(tmp_path)
    largest = max((folder / "blobs" / "sha256").iterdir(), key=lambda blob: blob.stat().st_size)
    match harm:
        case "a blob gone":
            largest.unlink()
        case "a blob cut":
            cut = largest.read_bytes()[:-1]
            largest.unlink()
            largest.write_bytes(cut)
        case "half written":
            (folder / "oci-layout").unlink()
        case "no JSON":
            (folder / "index.json").write_text("{")
        case _:
            (folder / "index.json").write_text('{"manifests": []}')
    assert oci.read_layout(folder) is None


def test_layouts_are_found_but_not_those_being_made(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    folder = layout(tmp_path)
    folder.rename(root / "thing")
    (root / ".work-thing").mkdir()
    (root / "empty").mkdir()
    assert [found.reference for found in oci.layouts(root)] == [REFERENCE]
    assert list(oci.layouts(tmp_path / "nowhere")) == []


def test_a_packed_layout_is_an_archive_that_docker_loads(tmp_path: Path) -> None:
    oci.pack(layout(tmp_path), tmp_path / "image.tar")
    with tarfile.open(tmp_path / "image.tar") as tar:
        names = tar.getnames()
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None
        docker = json.load(manifest)[0]
    assert docker["RepoTags"] == [REFERENCE]
    assert {docker["Config"], *docker["Layers"], "oci-layout", "index.json"} <= set(names)


def test_a_shared_layer_takes_its_space_once(tmp_path: Path) -> None:
    layer = oci.write_layer(tmp_path / "layer.tar", items(tmp_path))
    for name in ("one", "two"):
        oci.write_layout(tmp_path / name, REFERENCE, [layer], Settings(), arch="amd64", recipe="abc")
    assert oci.blob(tmp_path / "one", layer.digest).samefile(oci.blob(tmp_path / "two", layer.digest))


def test_two_layers_of_one_archive_are_one_blob(tmp_path: Path) -> None:
    layer = oci.write_layer(tmp_path / "layer.tar", items(tmp_path))
    again = Layer(layer.archive, layer.digest, layer.size)
    oci.write_layout(tmp_path / "x", REFERENCE, [layer, again], Settings(), arch="amd64", recipe="abc")
    assert oci.read_layout(tmp_path / "x") is not None
