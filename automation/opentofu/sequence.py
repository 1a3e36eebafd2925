"""What two sequences have in common, in order: the ground under a diff by line or by element."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import Final

Pairs = list[tuple[int, int]]
_MAX_TABLE: Final = 10_000  # cells of a longest-common-subsequence table
_CONTEXT: Final = 2  # unchanged lines shown on each side of a change


def common(before: Sequence[Hashable], after: Sequence[Hashable]) -> Pairs:
    """Return index pairs of equal elements, rising on both sides.

    Elements that are unique on both sides are anchors (patience diff), and what is between them is compared in full
    where it is small. Time grows as n log n; between two long stretches without an anchor nothing is matched.
    """
    found: Pairs = []
    todo = [(0, len(before), 0, len(after))]
    while todo:
        b, b_end, a, a_end = todo.pop()
        while b < b_end and a < a_end and before[b] == after[a]:
            found.append((b, a))
            b, a = b + 1, a + 1
        while b < b_end and a < a_end and before[b_end - 1] == after[a_end - 1]:
            b_end, a_end = b_end - 1, a_end - 1
            found.append((b_end, a_end))
        if b == b_end or a == a_end:
            continue
        anchors = _anchors(before, after, (b, b_end, a, a_end))
        if anchors:
            found += anchors
            last_b, last_a = b, a
            for next_b, next_a in [*anchors, (b_end, a_end)]:
                todo.append((last_b, next_b, last_a, next_a))
                last_b, last_a = next_b + 1, next_a + 1
        elif (b_end - b) * (a_end - a) <= _MAX_TABLE:
            found += [(b + x, a + y) for x, y in _table(before[b:b_end], after[a:a_end])]
    found.sort()
    return found


def _anchors(before: Sequence[Hashable], after: Sequence[Hashable], part: tuple[int, int, int, int]) -> Pairs:
    b, b_end, a, a_end = part
    counted = Counter(before[b:b_end])
    places = {item: a + i for i, item in enumerate(after[a:a_end])}
    twice = Counter(after[a:a_end])
    unique = [
        (b + i, places[item]) for i, item in enumerate(before[b:b_end]) if counted[item] == 1 and twice.get(item) == 1
    ]
    return _rising(unique)


def _rising(pairs: Pairs) -> Pairs:
    """Return the longest run of pairs that rises on the right side, too (pairs come sorted by the left one)."""
    tails: list[int] = []
    at: list[int] = []
    previous: list[int] = []
    for index, (_, right) in enumerate(pairs):
        place = bisect_left(tails, right)
        previous.append(at[place - 1] if place else -1)
        if place == len(tails):
            tails.append(right)
            at.append(index)
        else:
            tails[place] = right
            at[place] = index
    found: Pairs = []
    index = at[-1] if at else -1
    while index >= 0:
        found.append(pairs[index])
        index = previous[index]
    return found[::-1]


def _table(before: Sequence[Hashable], after: Sequence[Hashable]) -> Iterator[tuple[int, int]]:
    lengths = [[0] * (len(after) + 1) for _ in range(len(before) + 1)]
    for i in range(len(before) - 1, -1, -1):
        row, below = lengths[i], lengths[i + 1]
        for j in range(len(after) - 1, -1, -1):
            row[j] = below[j + 1] + 1 if before[i] == after[j] else max(below[j], row[j + 1])
    i = j = 0
    while i < len(before) and j < len(after):
        if before[i] == after[j]:
            yield i, j
            i, j = i + 1, j + 1
        elif lengths[i + 1][j] >= lengths[i][j + 1]:
            i += 1
        else:
            j += 1


def lines(before: Sequence[str], after: Sequence[str]) -> tuple[str, ...]:
    """Return a diff of two texts or lists: lines that begin with ``+ ``, ``- `` or two spaces, far ones left out."""
    marked: list[tuple[str, str]] = []
    last_b = last_a = 0
    for b, a in [*common(before, after), (len(before), len(after))]:
        marked += [("- ", line) for line in before[last_b:b]]
        marked += [("+ ", line) for line in after[last_a:a]]
        if b < len(before):
            marked.append(("  ", before[b]))
        last_b, last_a = b + 1, a + 1
    return tuple(_near(marked))


def _near(marked: list[tuple[str, str]]) -> Iterator[str]:
    changed = [index for index, (sign, _) in enumerate(marked) if sign != "  "]
    position = left_out = 0
    for index, (sign, line) in enumerate(marked):
        while position < len(changed) and changed[position] < index - _CONTEXT:
            position += 1
        if position < len(changed) and changed[position] <= index + _CONTEXT:
            if left_out:
                yield f"  … {left_out} unchanged"
                left_out = 0
            yield sign + line
        else:
            left_out += 1
    if left_out:
        yield f"  … {left_out} unchanged"
