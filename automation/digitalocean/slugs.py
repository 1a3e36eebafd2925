"""The slugs of regions, sizes and Kubernetes versions as the API knows them today, with advice for a wrong one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from automation.digitalocean.kubernetes import KubernetesOptions
from automation.errors import ConfigurationError

_SHOWN = 5


def check(options: KubernetesOptions, *, region: str, size: str) -> None:
    """Raise ConfigurationError for a region or a size where no cluster can be made, naming the nearest valid ones."""
    _known("region", region, options.regions)
    _known("size", size, options.sizes)


def version(options: KubernetesOptions, asked: str) -> str:
    """Return the slug of the version that ``asked`` means: a slug, a version or the beginning of one, or nothing.

    Nothing means the newest, ``1.35`` the newest patch of 1.35: patches go within weeks, so none is pinned.
    Raises ConfigurationError for a version that is not offered, naming the nearest.
    """
    offered = sorted(options.versions, key=_order, reverse=True)
    wanted = asked.removeprefix("v")
    for slug in offered:
        if not wanted or slug == wanted or re.match(rf"{re.escape(wanted)}(?=[.-])", slug):
            return slug
    near = sorted(offered, key=lambda slug: _apart(slug, wanted)) if _order(wanted) else []
    raise unknown("Kubernetes version", asked, offered, near)


def unknown(what: str, asked: str, known: Sequence[str], near: Sequence[str] | None = None) -> ConfigurationError:
    """Return the error for a slug that DigitalOcean does not know, naming the nearest that it does.

    ``near`` are these; by default those that are written most alike.
    """
    if near is None:
        near = difflib.get_close_matches(asked, known, n=_SHOWN, cutoff=0.4)
    near = near[:_SHOWN]
    rest = [slug for slug in known if slug not in near][: _SHOWN - len(near)]
    shown = ", ".join([*near, *rest])
    more = len(known) - min(len(known), _SHOWN)
    return ConfigurationError(
        f"DigitalOcean offers no {what} {asked!r}." + (f" Nearest: {near[0]!r}." if near else ""),
        hint=f"Choose one of: {shown}{f' and {more} more' if more else ''}." if known else None,
    )


def _known(what: str, asked: str, known: Sequence[str]) -> None:
    if asked not in known:
        raise unknown(what, asked, known)


def _order(slug: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", slug))


def _apart(slug: str, wanted: str) -> tuple[int, ...]:
    """Return how far two versions are apart, by each of their numbers."""
    return tuple(abs(mine - theirs) for mine, theirs in zip(_order(slug), _order(wanted), strict=False))
