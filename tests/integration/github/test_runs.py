from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import pytest

from automation.errors import DogitopsError, Refused
from automation.github import problems, runs
from automation.github.client import GitHub, WorkflowRun
from automation.secret import Secret
from tests.integration.github.place import QUICK, REPOSITORY, Place
from tests.integration.github.scripted import Answer, Asked, Scripted, serve

PLAN = ".github/workflows/plan.yml"
TOKEN = "ghs_canaryOfTheArtifacts1234"
NAME = "plan-local"


def kept(place: Place, content: bytes = b"sealed") -> tuple[int, int]:
    run_id = place.hub.add_run(REPOSITORY, PLAN, "a" * 40)
    return run_id, place.hub.upload_artifact(REPOSITORY, run_id, NAME, content, filename="local.envelope")


def packed(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return held.getvalue()


def test_what_a_run_kept_is_found_by_its_id_and_fetched(place: Place) -> None:
    run_id, _ = kept(place)
    other = place.hub.add_run(REPOSITORY, PLAN, "b" * 40)
    place.hub.upload_artifact(REPOSITORY, other, NAME, b"another", filename="local.envelope")
    artifact = runs.find(place.github(), run_id, NAME)
    assert (artifact.name, artifact.run_id, artifact.expired) == (NAME, run_id, False)
    assert runs.download(place.github(), artifact) == {"local.envelope": b"sealed"}


def test_of_several_attempts_the_latest_is_taken(place: Place) -> None:
    run_id, _ = kept(place)
    latest = place.hub.upload_artifact(REPOSITORY, run_id, NAME, b"second", filename="local.envelope")
    assert runs.find(place.github(), run_id, NAME).id == latest


def test_an_artifact_that_is_not_there(place: Place) -> None:
    run_id, _ = kept(place)
    with pytest.raises(problems.NotFound, match="has no artifact 'plan-prod'") as caught:
        runs.find(place.github(), run_id, "plan-prod")
    assert "planned again" in (caught.value.hint or "")
    with pytest.raises(problems.NotFound):
        runs.find(place.github(), 1, NAME)


def test_an_artifact_that_has_expired(place: Place) -> None:
    run_id, artifact_id = kept(place)
    known = runs.find(place.github(), run_id, NAME)
    place.hub.expire_artifact(REPOSITORY, artifact_id)
    with pytest.raises(runs.ArtifactExpired, match="has expired since") as caught:
        runs.find(place.github(), run_id, NAME)
    assert "planned again" in (caught.value.hint or "")
    with pytest.raises(runs.ArtifactExpired):  # between finding and fetching
        runs.download(place.github(), known)


def test_the_permission_that_is_missing_is_named(place: Place) -> None:
    run_id, _ = kept(place)
    with pytest.raises(problems.PermissionMissing) as caught:
        runs.find(place.github(permissions={"contents": "read"}), run_id, NAME)
    assert caught.value.permission == "actions: read"


def test_an_artifact_above_the_limit_is_not_fetched(place: Place) -> None:
    run_id, _ = kept(place)
    artifact = runs.find(place.github(), run_id, NAME)
    with pytest.raises(DogitopsError, match="larger than 10 bytes"):
        runs.download(place.github(), artifact, limit=10)


# where GitHub sends us for the content


def download(storage: Scripted, artifact: runs.Artifact, limit: int = 1000) -> dict[str, bytes]:
    """Fetch an artifact whose content lies on another server."""
    location = storage.url.replace("127.0.0.1", "localhost") + "/blob?sig=signature-canary"
    with serve([Answer(302, b"", {"Location": location})]) as api:
        return runs.download(GitHub(api.url, Secret(TOKEN), "o/n", patience=QUICK), artifact, limit)


ARTIFACT = runs.Artifact(7, NAME, 5, expired=False, expires=None, run_id=1)
BINARY = {"Content-Type": "application/zip"}


def test_the_token_is_not_sent_to_the_storage() -> None:
    with serve([Answer(503), Answer(200, packed({"a": b"b"}), BINARY)]) as storage:
        assert download(storage, ARTIFACT) == {"a": b"b"}
    assert len(storage.asked) == 2
    assert all("Authorization" not in asked.headers for asked in storage.asked)


def test_a_size_that_is_a_lie_is_noticed() -> None:
    with serve([Answer(200, b"x" * 5000, BINARY)]) as storage, pytest.raises(DogitopsError, match="larger than 1,000"):
        download(storage, ARTIFACT)


def test_a_zip_that_unpacks_to_more_than_the_limit_is_not_unpacked() -> None:
    bomb = packed({"a": b"\0" * 100_000, "b": b"\0" * 100_000})
    assert len(bomb) < 1000
    with serve([Answer(200, bomb, BINARY)]) as storage, pytest.raises(DogitopsError, match="larger than 1,000"):
        download(storage, ARTIFACT)


@pytest.mark.parametrize("cut", [0, 10, 60])
def test_a_zip_that_is_broken_off_is_an_error(cut: int) -> None:
    whole = packed({"a": b"b" * 50})
    with serve([Answer(200, whole[:cut], BINARY)]) as storage, pytest.raises(DogitopsError, match="not a whole zip"):
        download(storage, ARTIFACT)


def test_a_zip_with_a_changed_byte_is_an_error() -> None:
    whole = bytearray(packed({"a": b"some text that is packed"}))
    whole[40] ^= 0xFF
    with serve([Answer(200, bytes(whole), BINARY)]) as storage, pytest.raises(DogitopsError, match="not a whole zip"):
        download(storage, ARTIFACT)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(404), runs.ArtifactExpired),
        (Answer(410), runs.ArtifactExpired),
        (Answer(403, b"<Error/>"), problems.GitHubError),
        (Answer(503), problems.Unavailable),
        (Answer(cut=True), problems.Unavailable),
    ],
)
def test_a_storage_that_does_not_give_it(answer: Answer, error: type[Exception]) -> None:
    with serve([answer]) as storage, pytest.raises(error) as caught:
        download(storage, ARTIFACT)
    assert "signature-canary" not in str(caught.value)


def test_a_storage_without_encryption_is_refused() -> None:
    def answers(asked: Asked) -> Answer:
        return Answer(302, b"", {"Location": "http://storage.example.org/blob"})

    with serve(answers) as api, pytest.raises(DogitopsError, match="unencrypted"):
        runs.download(GitHub(api.url, Secret(TOKEN), "o/n", patience=QUICK), ARTIFACT)


@pytest.mark.parametrize(
    ("status", "error"), [(410, runs.ArtifactExpired), (404, problems.NotFound), (500, problems.Unavailable)]
)
def test_an_artifact_that_github_does_not_give(status: int, error: type[Exception]) -> None:
    with serve([Answer(status)]) as api, pytest.raises(error):
        runs.download(GitHub(api.url, Secret(TOKEN), "o/n", patience=QUICK), ARTIFACT)


# where a run comes from

RUN = WorkflowRun(
    id=5,
    attempt=1,
    path=PLAN,
    event="pull_request",
    head_sha="a" * 40,
    head_branch="change",
    head_repository=REPOSITORY,
    repository=REPOSITORY,
    status="completed",
    conclusion="success",
    actor="alice",
    url="",
)


def check(run: WorkflowRun) -> None:
    runs.check_origin(run, repository=REPOSITORY, workflow=PLAN, head_sha="a" * 40)


def test_a_run_of_our_own_workflow_for_this_commit_is_taken(place: Place) -> None:
    run_id = place.hub.add_run(REPOSITORY, PLAN, "a" * 40, actor="alice", head_branch="change")
    run = place.github().workflow_run(run_id)
    assert replace(run, id=5, url="") == RUN
    check(run)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"repository": "mallory/infra"}, "its repository is 'mallory/infra'"),
        ({"head_repository": "mallory/infra"}, "its commits come from is 'mallory/infra'"),
        ({"head_repository": ""}, "its commits come from is ''"),
        ({"path": ".github/workflows/ci.yml"}, "its workflow is '.github/workflows/ci.yml'"),
        ({"head_sha": "b" * 40}, "its commit is"),
        ({"event": "pull_request_target"}, "started by 'pull_request_target'"),
    ],
)
def test_a_run_from_elsewhere_is_refused(changed: dict[str, str], said: str) -> None:
    with pytest.raises(Refused, match="What run 5 made is not used") as caught:
        check(replace(RUN, **changed))  # type: ignore[arg-type]
    assert said in caught.value.message


def test_a_run_for_a_fork_is_refused(place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    place.hub.fork(REPOSITORY, "mallory", str(tmp_path_factory.mktemp("fork") / "infra.git"))
    run_id = place.hub.add_run(REPOSITORY, PLAN, "a" * 40, head_repository="mallory/infra")
    with pytest.raises(Refused, match="mallory/infra"):
        check(place.github().workflow_run(run_id))
