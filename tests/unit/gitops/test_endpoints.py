from __future__ import annotations

import pytest

from automation.errors import ConfigurationError
from automation.gitops.endpoints import OBJECTSTORE_URL, REPOSITORY_URL, endpoints


def test_stable_names_lead_to_ports_of_this_machine() -> None:
    namespace, *rest = endpoints("172.17.0.1", 7481, 7480)
    assert namespace["kind"] == "Namespace"
    slices = {one["metadata"]["name"]: one for one in rest if one["kind"] == "EndpointSlice"}
    services = {one["metadata"]["name"]: one for one in rest if one["kind"] == "Service"}
    for name, url, port in (("git", REPOSITORY_URL, 7481), ("objectstore", OBJECTSTORE_URL, 7480)):
        assert f"//{name}.{namespace['metadata']['name']}.svc." in url
        assert "selector" not in services[name]["spec"]
        [exposed] = services[name]["spec"]["ports"]
        [reached] = slices[name]["ports"]
        # A slice belongs to a Service by this label and the port's name.
        assert slices[name]["metadata"]["labels"]["kubernetes.io/service-name"] == name
        assert exposed["name"] == reached["name"]
        assert (exposed["port"], reached["port"]) == (80, port)
        assert slices[name]["endpoints"][0]["addresses"] == ["172.17.0.1"]
        assert slices[name]["addressType"] == "IPv4"


def test_ipv6() -> None:
    kinds = {one.get("addressType") for one in endpoints("fd00::1", 1, 2) if one["kind"] == "EndpointSlice"}
    assert kinds == {"IPv6"}


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "169.254.1.1", "localhost"])  # noqa: S104
def test_addresses_that_mean_something_else_in_a_pod_are_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match=address):
        endpoints(address, 1, 2)


def test_a_server_elsewhere_gets_no_service() -> None:
    assert [one["kind"] for one in endpoints("172.17.0.1", None, None)] == ["Namespace"]
    named = {one["metadata"]["name"] for one in endpoints("172.17.0.1", 7481, None) if one["kind"] != "Namespace"}
    assert named == {"git"}
