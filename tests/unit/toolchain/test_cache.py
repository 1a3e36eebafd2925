from __future__ import annotations

import os
from pathlib import Path

import pytest

from automation.errors import CommandFailed, ConfigurationError, DogitopsError
from automation.toolchain.cache import Cache, Damaged, Entry, Key, Source

KEY = Key("hello", "1.0.0", "0123456789ab", ("hello", "world"))


def fill(into: Path) -> Source:
    (into / "hello").write_text("hello")
    (into / "world").write_text("world")
    return "build"


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "tools")


@pytest.fixture
def entry(cache: Cache) -> Entry:
    with cache.locked("hello"):
        return cache.put(KEY, fill)


def test_an_entry_is_found_again(cache: Cache, entry: Entry) -> None:
    assert cache.find(KEY) == entry
    assert entry.binaries["world"].read_text() == "world"
    assert os.access(entry.binaries["hello"], os.X_OK)
    assert (entry.size, entry.source) == (10, "build")
    assert cache.find(Key("hello", "1.0.0", "another", ("hello",))) is None


def test_a_file_that_was_only_touched_is_still_good(cache: Cache, entry: Entry) -> None:
    os.utime(entry.binaries["hello"], (1, 1))
    assert cache.find(KEY) == entry


def test_changed_content_is_noticed(cache: Cache, entry: Entry) -> None:
    entry.binaries["hello"].write_text("HELLO")
    with pytest.raises(Damaged, match="content of hello"):
        cache.find(KEY)


def test_changed_content_with_the_old_time_is_noticed_by_a_thorough_look(cache: Cache, entry: Entry) -> None:
    path = entry.binaries["hello"]
    stat = path.stat()
    path.write_text("HELLO")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert cache.find(KEY) is not None
    with pytest.raises(Damaged, match="content of hello"):
        cache.find(KEY, thorough=True)


def test_cut_off_missing_and_unexecutable_files_are_noticed(cache: Cache, entry: Entry) -> None:
    path = entry.binaries["world"]
    path.write_text("wor")
    with pytest.raises(Damaged, match="3 bytes instead of 5"):
        cache.find(KEY)
    path.unlink()
    with pytest.raises(Damaged, match="world is gone"):
        cache.find(KEY)
    path.write_text("world")
    path.chmod(0o644)
    with pytest.raises(Damaged, match="can't be executed"):
        cache.find(KEY)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"binaries": {}}', '{"source": "build", "seconds": 1, "binaries": {"hello": 5}}']
)
def test_an_unreadable_manifest_is_noticed(cache: Cache, entry: Entry, text: str) -> None:
    (cache.folder(KEY) / "manifest.json").write_text(text)
    with pytest.raises(Damaged, match="manifest"):
        cache.find(KEY)


def test_a_damaged_entry_is_replaced(cache: Cache, entry: Entry) -> None:
    entry.binaries["hello"].write_text("broken")
    with cache.locked("hello"):
        cache.put(KEY, fill)
    assert cache.find(KEY, thorough=True) is not None
    assert sorted(path.name for path in (cache.root / "hello").iterdir()) == [".lock", cache.folder(KEY).name]


def test_what_a_killed_run_left_is_removed_and_never_used(cache: Cache) -> None:
    leftover = cache.root / "hello" / ".partial-1.0.0-0123456789ab"
    leftover.mkdir(parents=True)
    (leftover / "hello").write_text("half of")
    assert cache.find(KEY) is None
    with cache.locked("hello"):
        assert cache.put(KEY, fill).binaries["hello"].read_text() == "hello"
    assert not leftover.exists()


def test_a_failed_run_leaves_nothing(cache: Cache) -> None:
    def fail(into: Path) -> Source:
        fill(into)
        raise DogitopsError("no")

    with pytest.raises(DogitopsError, match="no"), cache.locked("hello"):
        cache.put(KEY, fail)
    assert [path.name for path in (cache.root / "hello").iterdir()] == [".lock"]


def test_a_full_disk_is_told(cache: Cache) -> None:
    def overflow(into: Path) -> Source:
        (into / "hello").symlink_to("/dev/full")
        (into / "hello").write_text("hello")
        return "build"

    with pytest.raises(DogitopsError, match="No space is left") as caught, cache.locked("hello"):
        cache.put(KEY, overflow)
    assert "DOGITOPS_CACHE" in (caught.value.hint or "")


def test_a_full_disk_that_a_compiler_met_is_told(cache: Cache) -> None:
    def overflow(_into: Path) -> Source:
        raise CommandFailed(["go", "build"], 1, "link: write /x/hello: no space left on device")

    with pytest.raises(DogitopsError, match="No space is left"), cache.locked("hello"):
        cache.put(KEY, overflow)


def test_a_cache_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "tools").write_text("")
    with pytest.raises(ConfigurationError, match="can't be written"), Cache(tmp_path / "tools").locked("hello"):
        pass
