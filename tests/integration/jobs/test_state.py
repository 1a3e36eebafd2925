"""The bucket of the state and its key, made from a token alone: at the simulated DigitalOcean, with its Spaces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.digitalocean import spaces as keys
from automation.errors import ConfigurationError, DogitopsError
from automation.jobs.infrastructure import state
from automation.jobs.infrastructure.reap import Reaper, reap
from automation.jobs.sites import open_site
from automation.objectstore import ObjectStore
from automation.simulators.digitalocean import DigitalOceanSimulator, Fault, Limits, spaces
from automation.simulators.digitalocean.models.spaces import SpacesKey
from automation.simulators.digitalocean.spaces import Front, server
from automation.site import Site
from automation.toolchain import install
from automation.workspace import Workspace
from tests.integration.digitalocean.scripted import account
from tests.integration.jobs.test_reap_scopes import asked, told

BUCKET = "dogitops-there-state"


@pytest.fixture
def sky() -> Iterator[DigitalOceanSimulator]:
    with DigitalOceanSimulator(limits=Limits(hour=None, minute=None)) as sky:
        yield sky
        assert sky.unknown() == []


@pytest.fixture
def front(sky: DigitalOceanSimulator, tmp_path: Path) -> Iterator[Front]:
    with spaces.serving(sky, install.path("versitygw"), tmp_path / "spaces") as front:
        yield front


@pytest.fixture
def facts(facts: dict[str, Any]) -> dict[str, Any]:
    return {**facts, "state": {"bucket": BUCKET}}


@pytest.fixture
def there(
    workspace: Workspace, facts: dict[str, Any], sky: DigitalOceanSimulator, front: Front,
    monkeypatch: pytest.MonkeyPatch,
) -> Site:  # fmt: skip
    for name in ("SPACES_ACCESS_KEY_ID", "SPACES_SECRET_ACCESS_KEY", "DIGITALOCEAN_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", sky.full_token())
    monkeypatch.setenv("DIGITALOCEAN_API_URL", sky.url)
    monkeypatch.setenv("SPACES_ENDPOINT_URL", front.proxy)  # by its address: paths name the buckets
    elsewhere = {**facts, "objectstore": {"endpoint": "https://fra1.digitaloceanspaces.com"}}
    (workspace.environments / "there" / "environment.yaml").write_text(yaml.safe_dump(elsewhere))
    return open_site("there", workspace=workspace)


def left(sky: DigitalOceanSimulator) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return the names of all keys, with their grants."""
    with sky.lock:
        found = sky.state.all(SpacesKey).values()
        return {key.name: tuple((it.bucket, it.permission) for it in key.grants) for key in found}


def test_a_token_is_all_that_it_takes(
    there: Site, sky: DigitalOceanSimulator, capfd: pytest.CaptureFixture[str]
) -> None:
    done = state.init(there)
    assert (done.made, done.key_is) == (True, "made")
    assert left(sky) == {BUCKET: ((BUCKET, "readwrite"),)}, "it has its own key, and the one for everything is gone"
    there.store.write(BUCKET, "environment.tfstate", b"{}")
    with pytest.raises(ConfigurationError, match="refuses the keys"):
        there.store.buckets()
    secret = there.store_key.with_name("secret-key")
    assert {file.stat().st_mode & 0o777 for file in (there.store_key, secret)} == {0o600}
    said = "".join(capfd.readouterr())
    assert secret.read_text() not in said
    assert "it does: of two who write at once, one is refused" in said


def test_it_needs_no_more_scopes_than_the_documentation_says(there: Site, sky: DigitalOceanSimulator) -> None:
    state.init(there)
    assert asked(sky) == set(told("`dogitops state init`"))


def test_earlier_versions_of_the_state_are_kept(there: Site, sky: DigitalOceanSimulator) -> None:
    state.init(there)
    for text in (b"first", b"second"):
        there.store.write(BUCKET, "environment.tfstate", text)
    with keys.passing(account(sky.url, token=sky.full_token()), "test") as key:
        client = ObjectStore(
            there.endpoint, "us-east-1", there.store.access_key.__class__(key.access_key), key.secret_key
        )
        listed = client.client().list_object_versions(Bucket=BUCKET, Prefix="environment.tfstate")["Versions"]
    assert len(listed) == 2


def test_a_second_time_changes_nothing(there: Site, sky: DigitalOceanSimulator) -> None:
    state.init(there)
    key = there.store_key.read_text()
    done = state.init(open_site("there", workspace=there.workspace))
    assert (done.made, done.key_is) == (False, "kept")
    assert there.store_key.read_text() == key
    assert len(left(sky)) == 1


def test_a_key_that_was_lost_is_made_again(there: Site, sky: DigitalOceanSimulator) -> None:
    state.init(there)
    there.store.write(BUCKET, "environment.tfstate", b"kept")
    there.store_key.with_name("secret-key").write_text("something else")
    again = open_site("there", workspace=there.workspace)
    done = state.init(again)
    assert (done.made, done.key_is) == (False, "made")
    found = again.store.read(BUCKET, "environment.tfstate")
    assert found is not None
    assert found.body == b"kept"


def test_a_key_of_the_user_s_own_is_used_and_none_is_made(
    there: Site, sky: DigitalOceanSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with keys.passing(account(sky.url, token=sky.full_token()), "own") as own:
        monkeypatch.setenv("SPACES_ACCESS_KEY_ID", own.access_key)
        monkeypatch.setenv("SPACES_SECRET_ACCESS_KEY", own.secret_key.reveal())
        done = state.init(there)
    assert (done.made, done.key_is, done.key) == (True, "given", None)
    assert left(sky) == {}


def test_without_a_token_it_says_which_variable(there: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIGITALOCEAN_TOKEN")
    with pytest.raises(ConfigurationError, match="DIGITALOCEAN_TOKEN is not set"):
        state.init(there)


def test_a_name_that_somebody_else_has_taken(there: Site, sky: DigitalOceanSimulator, front: Front) -> None:
    """What another account's bucket answers: it is there, and not for us."""
    front.taken.add(BUCKET)
    with pytest.raises(ConfigurationError, match="belongs to somebody else"):
        state.init(there)
    assert left(sky) == {}, "the key for everything is removed all the same"


def test_a_store_that_does_not_lock_is_refused(there: Site, front: Front) -> None:
    state.init(there)
    front.conditions = False
    with pytest.raises(ConfigurationError, match="does not lock: two who write at once both succeed"):
        state.init(open_site("there", workspace=there.workspace))


def test_a_store_that_locks_but_once_is_refused(there: Site, sky: DigitalOceanSimulator, tmp_path: Path) -> None:
    """As S3 servers do that take the mark of a deletion for an object, in buckets that keep versions."""
    state.init(there)
    behind = server.serve(tmp_path / "spaces", install.path("versitygw"))
    with pytest.raises(ConfigurationError, match="what was locked and given back can't be locked again"):
        state.probe(behind, BUCKET)


def test_a_token_makes_no_key_of_another_store(there: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIGITALOCEAN_API_URL")
    monkeypatch.setenv("SPACES_ENDPOINT_URL", "https://s3.example.com")
    with pytest.raises(ConfigurationError, match="a token of DigitalOcean makes keys of Spaces alone"):
        state.init(there)


@pytest.mark.parametrize("point", ["5xx-after", "5xx-before"])
def test_an_answer_that_is_lost_leaves_no_second_key(there: Site, sky: DigitalOceanSimulator, point: str) -> None:
    sky.faults.add(Fault(point, "POST", "/v2/spaces/keys"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state, "_cloud", lambda: account(sky.url, token=sky.full_token()))
        state.init(there)
    assert list(left(sky)) == [BUCKET]


def test_a_key_for_everything_that_was_left_behind_is_found_by_its_name(sky: DigitalOceanSimulator) -> None:
    cloud = account(sky.url, token=sky.full_token())

    class PowerCutError(Exception):
        pass

    with suppress(PowerCutError), keys.passing(cloud, "there-state"):
        with sky.lock:
            name = next(iter(sky.state.all(SpacesKey).values())).name
        raise PowerCutError
    assert left(sky) == {}
    keys.make(cloud, name, [{"bucket": "", "permission": "fullaccess"}])
    later = datetime.now(UTC) + timedelta(hours=2)
    reap(Reaper(cloud=cloud, everything=False, now=later), confirm=lambda _: True)
    assert left(sky) == {}


def test_a_key_without_our_mark_is_not_made(sky: DigitalOceanSimulator) -> None:
    with pytest.raises(DogitopsError, match="does not carry the prefix"):
        keys.make(account(sky.url, token=sky.full_token()), "theirs", [])
