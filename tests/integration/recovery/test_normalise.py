from __future__ import annotations

import base64
import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.recovery.normalise import (
    LEFT_OUT,
    digester,
    is_compared,
    is_original,
    normalised,
    volume_essentials,
    without_scaled_replicas,
)
from automation.secret import Secret
from tests.integration.kube.cluster import Manifest

KEY = Secret("key-for-tests")
keys = st.sampled_from(
    ["labels", "annotations", "status", "spec", "name", "velero.io/x", "creationTimestamp", "clusterIP", "ports",
     "volumes", "containers", "webhooks", "a", "data"]
)  # fmt: skip
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def plain(kind: str, **rest: Any) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": "x", "namespace": "n", **rest.pop("metadata", {})},
        **rest,
    }


def seen(thing: Manifest) -> Manifest:
    return normalised(thing, digester(KEY, f"{thing['kind']} n/x"))


@settings(deadline=None)
@given(kind=st.sampled_from(["ConfigMap", "Deployment", "Widget"]), spec=trees, labels=st.dictionaries(keys, st.text()))
def test_normalising_twice_changes_nothing_and_leaves_the_input_alone(
    kind: str, spec: Any, labels: dict[str, str]
) -> None:
    thing = plain(kind, spec=spec, metadata={"labels": labels}, status={"x": 1})
    before = copy.deepcopy(thing)
    once = seen(thing)
    assert thing == before
    assert seen(once) == once


REALISTIC: dict[str, Manifest] = {
    "Service": {"spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "healthCheckNodePort": 31000,
                         "ports": [{"port": 80, "nodePort": 30080}]}},
    "Pod": {"spec": {"nodeName": "one", "volumes": [{"name": "kube-api-access-x"}, {"name": "data"}],
                     "initContainers": [{"name": "restore-wait"}],
                     "containers": [{"name": "a", "volumeMounts": [{"name": "kube-api-access-x"}, {"name": "data"}]}]}},
    "PersistentVolumeClaim": {"spec": {"volumeName": "pv-1", "storageClassName": "local"}},
    "Namespace": {"spec": {"finalizers": ["kubernetes"]}},
    "ServiceAccount": {"secrets": [{"name": "token-x"}], "imagePullSecrets": [{"name": "registry"}]},
    "StatefulSet": {"spec": {"replicas": 2, "volumeClaimTemplates": [{"spec": {}, "status": {"phase": "Pending"}}]}},
    "ValidatingWebhookConfiguration": {"webhooks": [{"name": "a", "clientConfig": {"caBundle": "x", "url": "u"}}]},
    "Secret": {"data": {"password": base64.b64encode(b"hunter2").decode()}, "type": "Opaque"},
}  # fmt: skip


@pytest.mark.parametrize("kind", REALISTIC)
def test_what_one_cluster_gave_is_taken_away(kind: str) -> None:
    once = seen(plain(kind, **copy.deepcopy(REALISTIC[kind])))
    assert seen(once) == once
    expected: dict[str, Manifest] = {
        "Service": {"spec": {"ports": [{"port": 80}]}},
        "Pod": {"spec": {"volumes": [{"name": "data"}], "initContainers": [],
                         "containers": [{"name": "a", "volumeMounts": [{"name": "data"}]}]}},
        "PersistentVolumeClaim": {"spec": {"storageClassName": "local"}},
        "Namespace": {},
        "ServiceAccount": {"imagePullSecrets": [{"name": "registry"}]},
        "StatefulSet": {"spec": {"replicas": 2, "volumeClaimTemplates": [{"spec": {}}]}},
        "ValidatingWebhookConfiguration": {"webhooks": [{"name": "a", "clientConfig": {"url": "u"}}]},
        "Secret": {"data": once.get("data"), "type": "Opaque"},
    }  # fmt: skip
    assert once == {"kind": kind, "metadata": {"name": "x", "namespace": "n"}, **expected[kind]}


def test_a_headless_service_stays_headless() -> None:
    thing = plain("Service", spec={"clusterIP": "None", "clusterIPs": ["None"]})
    assert seen(thing)["spec"] == {"clusterIP": "None", "clusterIPs": ["None"]}


def test_metadata_keeps_what_people_wrote() -> None:
    thing = plain(
        "ConfigMap",
        metadata={
            "uid": "u", "resourceVersion": "7", "generation": 3, "creationTimestamp": "now", "managedFields": [{}],
            "selfLink": "/x", "generateName": "x-", "finalizers": ["kubernetes.io/pvc-protection", "example.org/mine",
            "service.kubernetes.io/load-balancer-cleanup"],
            "labels": {"app": "a", "velero.io/restore-name": "r", "argocd.argoproj.io/instance": "x"},
            "annotations": {"note": "kept", "kubectl.kubernetes.io/last-applied-configuration": "{}",
                            "argocd.argoproj.io/tracking-id": "t", "argocd.argoproj.io/sync-options": "Prune=false",
                            "backup.velero.io/backup-volumes": "data"},
            "ownerReferences": [{"kind": "Deployment", "name": "d", "uid": "u2", "controller": True}],
        },
    )  # fmt: skip
    assert seen(thing)["metadata"] == {
        "name": "x",
        "namespace": "n",
        "finalizers": ["example.org/mine"],
        "labels": {"app": "a"},
        "annotations": {
            "note": "kept",
            "argocd.argoproj.io/sync-options": "Prune=false",
            "backup.velero.io/backup-volumes": "data",
        },
        "ownerReferences": [{"kind": "Deployment", "name": "d", "controller": True}],
    }


def test_a_template_is_cleaned_too_and_empty_maps_that_mean_something_stay() -> None:
    template = {"metadata": {"creationTimestamp": None, "labels": {"controller-uid": "u", "app": "a"}}}
    thing = plain("Job", spec={"template": template, "selector": {"matchLabels": {"controller-uid": "u"}}})
    assert seen(thing)["spec"] == {"template": {"metadata": {"labels": {"app": "a"}}}, "selector": {}}
    policy = plain("NetworkPolicy", spec={"podSelector": {}, "ingress": [{}], "egress": []})
    assert seen(policy)["spec"] == {"podSelector": {}, "ingress": [{}], "egress": []}


@settings(deadline=None)
@given(value=st.binary(max_size=40), other=st.binary(max_size=40))
def test_secrets_become_digests_that_tell_only_whether_values_are_the_same(value: bytes, other: bytes) -> None:
    def digest(data: bytes, name: str = "Secret n/x", field: str = "password", key: Secret = KEY) -> str:
        return digester(key, name)(field, base64.b64encode(data).decode())

    assert (digest(value) == digest(other)) == (value == other)
    assert digest(value) != digest(value, name="Secret n/y")
    assert digest(value) != digest(value, field="token")
    assert digest(value) != digest(value, key=Secret("another-key"))
    assert len(digest(value)) == len("hmac:") + 24


def test_what_controllers_and_clusters_make_is_no_original() -> None:
    owned = {"ownerReferences": [{"kind": "ReplicaSet", "controller": True}]}
    assert not is_original(plain("Pod", metadata=owned))
    assert is_original(plain("Pod"))
    assert is_original(plain("Pod", metadata={"ownerReferences": [{"kind": "Thing"}]}))
    assert is_original(plain("Secret", metadata=owned)), "nobody makes the same Secret again"
    assert not is_original(plain("ConfigMap", metadata={"name": "kube-root-ca.crt"}))
    assert not is_original(plain("Secret", type="kubernetes.io/service-account-token"))
    assert not is_original(plain("ClusterRole", metadata={"labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}))


def test_every_kind_that_is_left_out_has_a_reason() -> None:
    assert all(reason for reason in LEFT_OUT.values())
    assert not is_compared("argoproj.io", "Application")
    assert not is_compared("", "Event")
    assert is_compared("apps", "Deployment")
    assert is_compared("", "PersistentVolumeClaim")
    assert is_compared("discovery.example.org", "EndpointSlice")


def test_replicas_that_an_autoscaler_sets_are_not_compared() -> None:
    scaler = plain("HorizontalPodAutoscaler", spec={"scaleTargetRef": {"kind": "Deployment", "name": "x"}})
    found = without_scaled_replicas(
        [scaler, plain("Deployment", spec={"replicas": 5}), plain("StatefulSet", spec={"replicas": 3})]
    )
    assert [thing["spec"].get("replicas") for thing in found] == [None, None, 3]
    elsewhere = plain("Deployment", spec={"replicas": 5}, metadata={"namespace": "other"})
    assert without_scaled_replicas([scaler, elsewhere])[1] == elsewhere


def test_a_volumes_essentials_do_not_say_where_it_lies() -> None:
    volume = {"spec": {"capacity": {"storage": "1Gi"}, "local": {"path": "/x"}, "nodeAffinity": {}, "claimRef": {},
                       "persistentVolumeReclaimPolicy": "Delete"}}  # fmt: skip
    told = {"capacity": {"storage": "1Gi"}, "persistentVolumeReclaimPolicy": "Delete"}
    assert volume_essentials(volume) == told
