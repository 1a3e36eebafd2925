"""The one seam to a cluster's API: plain dicts in, plain dicts out, errors in words.

::

    kube = Kube(kubeconfig)
    kube.apply_all(manifests, namespace="argocd")
    pod = kube.get("v1", "Pod", "redis-0", "ledger")
    text = kube.execute("ledger", "redis-0", ["redis-cli", "PING"])

The kubernetes package is imported with the first request (it takes a second and 50 MB).
"""

from __future__ import annotations

from automation.kube.api import KubernetesError
from automation.kube.client import KindUnknown, Kube
from automation.kube.objects import Kind, Manifest, pod_is_ready, pod_state

__all__ = ["Kind", "KindUnknown", "Kube", "KubernetesError", "Manifest", "pod_is_ready", "pod_state"]
