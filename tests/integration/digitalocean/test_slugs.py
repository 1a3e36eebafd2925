"""A wrong slug is told with the nearest valid ones."""

from __future__ import annotations

import pytest

from automation.digitalocean import slugs
from automation.digitalocean.kubernetes import KubernetesOptions
from automation.errors import ConfigurationError

OPTIONS = KubernetesOptions(
    regions=("ams3", "fra1", "nyc1", "nyc3", "sfo3", "sgp1"),
    sizes=("s-1vcpu-2gb", "s-2vcpu-4gb", "s-4vcpu-8gb", "c-4"),
    versions=("1.35.5-do.2", "1.36.0-do.3", "1.34.10-do.1", "1.34.9-do.0"),
)


@pytest.mark.parametrize(
    ("asked", "slug"),
    [
        ("", "1.36.0-do.3"),
        ("1.35", "1.35.5-do.2"),
        ("v1.35.5", "1.35.5-do.2"),
        ("1.34", "1.34.10-do.1"),
        ("1.34.9-do.0", "1.34.9-do.0"),
        ("1", "1.36.0-do.3"),
    ],
)
def test_the_newest_that_fits_is_meant(asked: str, slug: str) -> None:
    assert slugs.version(OPTIONS, asked) == slug


@pytest.mark.parametrize("asked", ["1.3", "1.33", "latest", "1.34.1", "1.36.0-do.30", "1.36.*"])
def test_a_version_that_is_not_offered_names_those_that_are(asked: str) -> None:
    with pytest.raises(ConfigurationError, match="offers no Kubernetes version") as refused:
        slugs.version(OPTIONS, asked)
    assert "1.36.0-do.3" in str(refused.value.hint)


def test_an_unknown_region_names_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"offers no region 'fra2'\. Nearest: 'fra1'\.") as refused:
        slugs.check(OPTIONS, region="fra2", size="c-4")
    assert str(refused.value.hint).startswith("Choose one of: fra1")
    assert str(refused.value.hint).endswith("and 1 more.")


def test_an_unknown_size_names_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"offers no size 's-2vcpu-4g'\. Nearest: 's-2vcpu-4gb'\."):
        slugs.check(OPTIONS, region="fra1", size="s-2vcpu-4g")


def test_nothing_near_is_no_reason_to_name_none() -> None:
    error = slugs.unknown("region", "@@@@", ["fra1"])
    assert "Nearest" not in error.message
    assert error.hint == "Choose one of: fra1."
    assert slugs.unknown("region", "fra1", []).hint is None
