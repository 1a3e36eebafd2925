"""Schemas that manifests are held against: those that an API server published, and those of our own kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from automation.gitops.validation import schemas
from automation.gitops.validation.objects import CLUSTER_SCOPED

# Kinds that are not Kubernetes' own: their CustomResourceDefinitions say their scope.
CUSTOM = {"ClusterIssuer", "VolumeSnapshotClass"}
SPEC = "io.k8s.api.apps.v1.DeploymentSpec"


def test_what_was_kept_is_of_the_version_that_its_name_says() -> None:
    kept = schemas.read()
    assert f"kubernetes-{kept.version}.json.xz" == schemas.PUBLISHED.name
    assert {"apps/v1/Deployment", "/v1/Pod", "batch/v1/CronJob", "policy/v1/PodDisruptionBudget"} <= set(kept.kinds)


def test_kinds_without_a_namespace_are_those_that_the_server_names() -> None:
    kept = schemas.read()
    inside = {kind.partition("/")[2] for kind in kept.namespaced}
    known = {kind.rpartition("/")[2] for kind in kept.kinds}
    assert known - inside >= CLUSTER_SCOPED - CUSTOM


def test_what_is_kept_is_read_again_and_the_same_content_makes_the_same_file(tmp_path: Path) -> None:
    told = schemas.compact(openapi({"type": "object", "properties": {"replicas": {"type": "integer"}}}))
    first, second = tmp_path / "one.json.xz", tmp_path / "two.json.xz"
    schemas.write(told, first)
    schemas.write(told, second)
    assert schemas.read(first) == told
    assert first.read_bytes() == second.read_bytes()


def test_schemas_are_strict_and_without_words() -> None:
    told = schemas.compact(
        openapi(
            {
                "description": "What it is.",
                "type": "object",
                "properties": {
                    "replicas": {"type": "integer", "format": "int32", "description": "How many."},
                    "port": {"type": "string", "format": "int-or-string"},
                    "anything": {"type": "object", "additionalProperties": {"type": "string"}},
                },
            }
        )
    )
    assert told.definitions[SPEC] == {
        "type": "object",
        "properties": {
            "replicas": {"type": "integer"},
            "port": {"type": ["integer", "string"]},
            "anything": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "additionalProperties": False,
    }
    assert told.kinds == {"apps/v1/Deployment": SPEC}
    assert told.namespaced == {"apps/Deployment"}


def test_what_others_add_to_the_server_is_left_out() -> None:
    told = openapi({"type": "object"})
    theirs = {"group": "metrics.k8s.io", "version": "v1beta1", "kind": "PodMetrics"}
    path = "/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods"
    more = {"io.k8s.metrics.v1beta1.PodMetrics": {"type": "object", "x-kubernetes-group-version-kind": [theirs]}}
    richer = {
        **told,
        "definitions": {**told["definitions"], **more},
        "paths": {**told["paths"], path: {"get": {"x-kubernetes-group-version-kind": theirs}}},
    }
    assert schemas.compact(richer) == schemas.compact(told)


def test_a_custom_kind_may_keep_what_it_does_not_name() -> None:
    schema = {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {"a": {"type": "string", "nullable": True}}},
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"b": {}}},
        },
    }
    crd = {
        "spec": {
            "group": "example.org",
            "names": {"kind": "Letter"},
            "versions": [{"name": "v1", "schema": {"openAPIV3Schema": schema}}],
        }
    }
    [(key, made)] = schemas.of_crd(crd)
    assert key == "example.org/v1/Letter"
    assert made["properties"]["metadata"] == {"type": "object"}
    assert made["properties"]["spec"]["additionalProperties"] is False
    assert made["properties"]["spec"]["properties"]["a"]["type"] == ["string", "null"]
    assert "additionalProperties" not in made["properties"]["status"]


def openapi(spec: dict[str, Any]) -> dict[str, Any]:
    kind = {"group": "apps", "version": "v1", "kind": "Deployment"}
    path = "/apis/apps/v1/namespaces/{namespace}/deployments"
    return {
        "info": {"version": "v1.34"},
        "definitions": {SPEC: {**spec, "x-kubernetes-group-version-kind": [kind]}, "org.example.Other": {}},
        "paths": {path: {"get": {"x-kubernetes-group-version-kind": kind}, "parameters": []}},
    }
