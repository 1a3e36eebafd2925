from __future__ import annotations

from typing import Any

import pytest

from automation.errors import ConfigurationError
from automation.jobs.delivery.memory import Component, markdown, mebibytes, owner


@pytest.mark.parametrize(
    ("quantity", "expected"), [("128Mi", 128), ("1Gi", 1024), ("2048Ki", 2), ("1048576", 1), ("0", 0), ("1.5Gi", 1536)]
)
def test_quantities(quantity: str, expected: float) -> None:
    assert mebibytes(quantity) == expected


def test_what_is_no_quantity_is_named() -> None:
    with pytest.raises(ConfigurationError, match="'much' is no quantity"):
        mebibytes("much")


@pytest.mark.parametrize(
    ("name", "references", "expected"),
    [
        ("velero-5d9f8b7c6d-abcde", [{"kind": "ReplicaSet", "name": "velero-5d9f8b7c6d"}], "velero"),
        ("prometheus-0", [{"kind": "StatefulSet", "name": "prometheus"}], "prometheus"),
        ("node-agent-x2b4z", [{"kind": "DaemonSet", "name": "node-agent"}], "node-agent"),
        ("etcd-one", [{"kind": "Node", "name": "one"}], "etcd"),
        ("alone", [], "alone"),
    ],
)
def test_a_pod_is_counted_to_its_workload(name: str, references: list[dict[str, Any]], expected: str) -> None:
    pod = {"metadata": {"name": name, "ownerReferences": references}, "spec": {"nodeName": "one"}}
    assert owner(pod) == expected


def test_the_table_of_the_docs_has_a_total() -> None:
    found = [Component("velero", "velero", 1, 80.4, 96, 768), Component("velero", "node-agent", 2, 100, 128, 0, True)]
    assert markdown(found).splitlines() == [
        "| namespace | component | pods | uses (MiB) | requests (MiB) | limit (MiB) |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
        "| velero | velero | 1 | 80 | 96 | 768 |",
        "| velero | node-agent | 2 | 100 | 128 | none |",
        "|  | **together** | 3 | 180 | 224 |  |",
    ]
