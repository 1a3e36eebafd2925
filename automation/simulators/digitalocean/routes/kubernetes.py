"""/v2/kubernetes/clusters and what is around them; node pools have a file of their own."""

from __future__ import annotations

from automation.simulators.digitalocean.answers import Answer, not_found
from automation.simulators.digitalocean.calls import Call
from automation.simulators.digitalocean.clock import iso
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.models import kubernetes, kubernetes_life
from automation.simulators.digitalocean.paging import page
from automation.simulators.digitalocean.routing import route

_ALL, _ONE = "/v2/kubernetes/clusters", "/v2/kubernetes/clusters/{cluster_id}"
_DESTROY = f"{_ONE}/destroy_with_associated_resources"
_WEEK = 7 * 24 * 3600


def _found(cloud: Cloud, call: Call) -> kubernetes.Cluster:
    return kubernetes.one(cloud, call.words["cluster_id"])


def _ready(cloud: Cloud, call: Call) -> kubernetes.Cluster:
    cluster = _found(cloud, call)
    if not cluster.endpoint:
        raise not_found("the cluster is not ready yet")
    return cluster


@route("GET", "/v2/kubernetes/options", "kubernetes:read")
def _options(cloud: Cloud, call: Call) -> Answer:  # noqa: ARG001 - all handlers take the call
    return Answer(kubernetes.options(cloud))


@route("GET", _ALL, "kubernetes:read")
def _list(cloud: Cloud, call: Call) -> Answer:
    return page(cloud, call, "kubernetes_clusters", cloud.state.all(kubernetes.Cluster).values())


@route("POST", _ALL, "kubernetes:create")
def _create(cloud: Cloud, call: Call) -> Answer:
    return Answer({"kubernetes_cluster": kubernetes_life.create(cloud, call.fields)}, 201)


@route("GET", _ONE, "kubernetes:read")
def _get(cloud: Cloud, call: Call) -> Answer:
    return Answer({"kubernetes_cluster": _found(cloud, call)})


@route("PUT", _ONE, "kubernetes:update")
def _change(cloud: Cloud, call: Call) -> Answer:
    cluster = _found(cloud, call)
    kubernetes_life.change(cloud, cluster, call.fields)
    return Answer({"kubernetes_cluster": cluster}, 202)


@route("DELETE", _ONE, "kubernetes:delete")
def _delete(cloud: Cloud, call: Call) -> Answer:
    kubernetes_life.delete(cloud, _found(cloud, call))
    return Answer(status=204)


@route("GET", _DESTROY, "kubernetes:read")
def _associated(cloud: Cloud, call: Call) -> Answer:
    found = kubernetes_life.associated(cloud, _found(cloud, call))
    return Answer(
        {name: [{"id": it.id, "name": getattr(it, "name", "")} for it in items] for name, items in found.items()}
    )


@route("DELETE", f"{_DESTROY}/selective", "kubernetes:delete")
def _delete_some(cloud: Cloud, call: Call) -> Answer:
    fields = call.fields
    also = {name: list(fields.texts(name)) for name in ("load_balancers", "volumes", "volume_snapshots")}
    kubernetes_life.delete(cloud, _found(cloud, call), also)
    return Answer(status=204)


@route("DELETE", f"{_DESTROY}/dangerous", "kubernetes:delete")
def _delete_all(cloud: Cloud, call: Call) -> Answer:
    cluster = _found(cloud, call)
    also = {name: [it.id for it in items] for name, items in kubernetes_life.associated(cloud, cluster).items()}
    kubernetes_life.delete(cloud, cluster, also)
    return Answer(status=204)


@route("GET", f"{_ONE}/kubeconfig", "kubernetes:access_cluster")
def _kubeconfig(cloud: Cloud, call: Call) -> Answer:
    text = kubernetes_life.kubeconfig(_ready(cloud, call))
    return Answer(text.encode(), headers={"content-type": "application/yaml"})


@route("GET", f"{_ONE}/credentials", "kubernetes:access_cluster")
def _credentials(cloud: Cloud, call: Call) -> Answer:
    found = kubernetes_life.parts(_ready(cloud, call))
    asked = call.query.get("expiry_seconds", "")
    seconds = int(asked) if asked.isascii() and asked.isdigit() and int(asked) else _WEEK
    return Answer(
        {
            "server": found["server"],
            "certificate_authority_data": found["authority"],
            "client_certificate_data": found["certificate"],
            "client_key_data": found["key"],
            "token": found["token"],
            "expires_at": iso(cloud.clock.now() + min(seconds, _WEEK)),
        }
    )


@route("GET", f"{_ONE}/upgrades", "kubernetes:read")
def _upgrades(cloud: Cloud, call: Call) -> Answer:
    found = [kubernetes.version_json(it) for it in kubernetes.upgrades(_found(cloud, call).version)]
    return Answer({"available_upgrade_versions": found or None})


@route("POST", f"{_ONE}/upgrade", "kubernetes:update")
def _upgrade(cloud: Cloud, call: Call) -> Answer:
    kubernetes_life.upgrade(cloud, _found(cloud, call), call.fields.needed("version"))
    return Answer(status=202)


@route("GET", f"{_ONE}/user", "kubernetes:read")
def _user(cloud: Cloud, call: Call) -> Answer:
    _found(cloud, call)
    user = {"username": "simulated@example.com", "groups": ["k8saas:authenticated"]}
    return Answer({"kubernetes_cluster_user": user})


@route("GET", f"{_ONE}/status_messages", "kubernetes:read")
def _messages(cloud: Cloud, call: Call) -> Answer:
    since = call.query.get("since", "")
    found = [{"message": text, "timestamp": at} for text, at in _found(cloud, call).messages if at >= since]
    return Answer({"messages": found})


@route("POST", f"{_ONE}/clusterlint", "kubernetes:update")
def _lint(cloud: Cloud, call: Call) -> Answer:
    cluster = _found(cloud, call)
    run_id = cloud.new_uuid()
    cloud.state.notes[f"clusterlint {cluster.id}"] = {"run_id": run_id, "at": cloud.now()}
    return Answer({"run_id": run_id}, 202)


@route("GET", f"{_ONE}/clusterlint", "kubernetes:read")
def _linted(cloud: Cloud, call: Call) -> Answer:
    run = cloud.state.notes.get(f"clusterlint {_found(cloud, call).id}")
    if run is None:
        raise not_found()
    times = {"requested_at": run["at"], "completed_at": run["at"]}
    return Answer({"run_id": run["run_id"], **times, "diagnostics": []})


# registries that clusters pull from


def _integrate(cloud: Cloud, call: Call, *, enabled: bool) -> Answer:
    for cluster_id in call.fields.texts("cluster_uuids"):
        kubernetes.one(cloud, cluster_id).registry_enabled = enabled
    return Answer(status=204)


@route("POST", "/v2/kubernetes/registry", "kubernetes:update")
@route("POST", "/v2/kubernetes/registries", "kubernetes:update")
def _add_registry(cloud: Cloud, call: Call) -> Answer:
    return _integrate(cloud, call, enabled=True)


@route("DELETE", "/v2/kubernetes/registry", "kubernetes:update")
@route("DELETE", "/v2/kubernetes/registries", "kubernetes:update")
def _remove_registry(cloud: Cloud, call: Call) -> Answer:
    return _integrate(cloud, call, enabled=False)
