from __future__ import annotations

import base64

import pytest

from automation.errors import ConfigurationError
from automation.gitops.secrets import SecretSpec, repository_credentials, seed
from automation.secret import Secret
from tests.integration.kube.cluster import Cluster

PASSWORD = Secret("correct horse battery")


def spec(**values: Secret) -> SecretSpec:
    return SecretSpec("ledger", "ledger-redis", values)


def test_seeding_is_idempotent(api: Cluster) -> None:
    assert [str(one) for one in seed(api.kube, [spec(password=PASSWORD)])] == ["ledger/ledger-redis created"]
    assert api.find("Namespace", "ledger")
    assert api.find("Secret", "ledger-redis")["data"] == {"password": "Y29ycmVjdCBob3JzZSBiYXR0ZXJ5"}
    writes = len(api.writes)
    assert [one.what for one in seed(api.kube, [spec(password=PASSWORD)])] == ["unchanged"]
    assert len(api.writes) == writes


def test_a_changed_value_is_updated_and_other_keys_stay(api: Cluster) -> None:
    api.put("v1", "Namespace", "ledger")
    api.put("v1", "Secret", "ledger-redis", "ledger", type="Opaque", data={"password": "b2xk", "other": "a2VwdA=="})
    assert [one.what for one in seed(api.kube, [spec(password=PASSWORD)])] == ["updated"]
    data = api.find("Secret", "ledger-redis")["data"]
    assert data == {"password": "Y29ycmVjdCBob3JzZSBiYXR0ZXJ5", "other": "a2VwdA=="}


def test_a_value_that_is_no_text_counts_as_another_value(api: Cluster) -> None:
    api.put("v1", "Namespace", "ledger")
    api.put("v1", "Secret", "ledger-redis", "ledger", type="Opaque", data={"password": "/////w=="})
    assert [one.what for one in seed(api.kube, [spec(password=PASSWORD)])] == ["updated"]


def test_another_type_is_refused(api: Cluster) -> None:
    api.put("v1", "Namespace", "ledger")
    api.put("v1", "Secret", "ledger-redis", "ledger", type="kubernetes.io/basic-auth", data={})
    with pytest.raises(ConfigurationError, match="basic-auth"):
        seed(api.kube, [spec(password=PASSWORD)])


def test_values_are_shown_nowhere(api: Cluster) -> None:
    seeded = seed(api.kube, [spec(password=PASSWORD)])
    assert "battery" not in repr(seeded) + repr(spec(password=PASSWORD))
    stored = api.find("Secret", "ledger-redis")["metadata"]
    assert set(stored) - {"uid", "creationTimestamp"} == {"name", "namespace", "labels", "annotations"}
    assert stored["annotations"] == {}


def test_a_private_repository_gets_its_token_in_the_form_that_argo_cd_reads(api: Cluster) -> None:
    credentials = repository_credentials("https://github.com/acme/infra.git", Secret("canary-token-77"))
    assert [str(one) for one in seed(api.kube, [credentials])] == ["argocd/repository created"]
    stored = api.find("Secret", "repository")
    assert stored["metadata"]["labels"]["argocd.argoproj.io/secret-type"] == "repository"
    values = {key: base64.b64decode(value).decode() for key, value in stored["data"].items()}
    assert values == {
        "type": "git",
        "url": "https://github.com/acme/infra.git",
        "username": "x-access-token",
        "password": "canary-token-77",
    }
    assert "canary" not in repr(credentials)
    assert [one.what for one in seed(api.kube, [credentials])] == ["unchanged"]
    another = repository_credentials("https://github.com/acme/other.git", Secret("canary-token-77"))
    assert [one.what for one in seed(api.kube, [another])] == ["updated"]
