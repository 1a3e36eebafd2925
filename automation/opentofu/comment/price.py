"""The part of a plan comment that tells the monthly cost."""

from __future__ import annotations

from collections import Counter

from automation.fitting import Whole
from automation.markdown import code, cut, number, table, text
from automation.opentofu.cost import Amount, Difference, Unpriced

_ROWS = 12


def cost_part(found: Difference | None) -> Whole | None:
    """Return the monthly difference as a table of the largest changes and a total; None when nothing has a price."""
    if found is None or not (found.lines or found.unpriced):
        return None
    title = "### 💰 Monthly cost"
    least = f"{title}\n\n{_total(found)}"
    if not found.lines:
        return Whole(f"{title}\n\n{_unpriced(found.unpriced)}", 3, title, "resources without a price")
    lines = sorted(found.lines, key=lambda line: -max(abs(line.delta.low), abs(line.delta.high)))
    rows = [
        [
            code(cut(line.address, 160)) + (f"<br>{text(line.note)}" if line.note else ""),
            money(line.before),
            money(line.after),
            money(line.delta, sign=True),
        ]
        for line in lines[:_ROWS]
    ]
    if len(lines) > _ROWS:
        rest = lines[_ROWS:]
        before, after = _sum([line.before for line in rest]), _sum([line.after for line in rest])
        rows.append([f"*{len(rest):,} more*", money(before), money(after), money(after - before, sign=True)])
    if len(lines) > 1:
        rows.append(["**Together**", money(found.before), money(found.after), f"**{money(found.delta, sign=True)}**"])
    told = table(["resource", "before", "after", "difference"], rows, right=(1, 2, 3))
    notes = [_unpriced(found.unpriced)] if found.unpriced else []
    notes.append(
        f"<sub>USD before taxes, list prices of {found.as_of:%Y-%m-%d}, of the resources that this plan changes.</sub>"
    )
    return Whole("\n\n".join([title, told, *notes]), 3, least, "the table of costs")


def _total(found: Difference) -> str:
    return f"{money(found.before)} → {money(found.after)} ({money(found.delta, sign=True)})"


def _unpriced(unpriced: tuple[Unpriced, ...]) -> str:
    kinds = Counter((one.type, one.why) for one in unpriced)
    named = [f"{many:,} \u00d7 {code(cut(kind, 60))} ({text(why)})" for (kind, why), many in kinds.most_common(5)]
    rest = len(unpriced) - sum(many for _, many in kinds.most_common(5))
    more = f", and {number(rest, 'other')}" if rest else ""
    return f"Not priced: {', '.join(named)}{more}."


def _sum(amounts: list[Amount]) -> Amount:
    return sum(amounts, Amount(0, 0))


def money(amount: Amount, *, sign: bool = False) -> str:
    """Return ``$48.00``, ``+$48.00``, ``-$6.00`` (with a true minus sign) or a range such as ``$24.00 to $96.00``."""
    low, high = round(amount.low, 2), round(amount.high, 2)
    shown = (
        [_dollars(low, sign=sign)]
        if low == high
        else [_dollars(min(low, high), sign=sign), _dollars(max(low, high), sign=sign)]
    )
    return " to ".join(shown)


def _dollars(value: float, *, sign: bool) -> str:
    mark = "\u2212" if value < 0 else "+" if sign and value > 0 else ""
    return f"{mark}${abs(value):,.2f}"
