"""Lists by the page: ``links.pages`` and ``meta.total``; 20 a page unless asked otherwise, 200 at most."""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from automation.simulators.digitalocean.answers import Answer

if TYPE_CHECKING:
    from automation.simulators.digitalocean.calls import Call
    from automation.simulators.digitalocean.cloud import Cloud

PER_PAGE, MOST = 20, 200


def page(cloud: Cloud, call: Call, key: str, items: Collection[Any], **more: Any) -> Answer:
    """Return the page of ``items`` that was asked for under ``key``; ``more`` goes beside it.

    Nonsense for a page or its size counts as not given, and a size over 200 as 200 (no evidence what the real one
    does there).
    """
    size = min(_positive(call, "per_page", PER_PAGE), MOST)
    number = _positive(call, "page", 1)
    last = max(-(-len(items) // size), 1)
    shown = itertools.islice(items, (number - 1) * size, number * size)
    tail = {**more, "links": _links(call, number, last), "meta": {"total": len(items)}}
    rest = json.dumps(tail, separators=(",", ":"), default=cloud.shown).encode()[1:]
    return Answer(b"".join((b'{"', key.encode(), b'":[', _joined(cloud, shown), b"],", rest)))


def _joined(cloud: Cloud, items: Iterable[Any]) -> bytes:
    return b",".join([cloud.encoded(item) for item in items])


def _links(call: Call, number: int, last: int) -> dict[str, Any]:
    if last == 1 and number == 1:
        return {}
    wanted: list[tuple[str, int]] = []
    if number > 1:
        wanted += [("first", 1), ("prev", min(number - 1, last))]
    if number < last:
        wanted += [("next", number + 1), ("last", last)]
    return {"pages": {name: _url(call, it) for name, it in wanted}}


def _url(call: Call, number: int) -> str:
    return f"{call.base}{call.path}?{urlencode({**call.query, 'page': number})}"


def _positive(call: Call, name: str, default: int) -> int:
    value = call.query.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and 0 < len(value) < 10 and int(value) else default  # noqa: PLR2004
