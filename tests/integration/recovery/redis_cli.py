#!/usr/bin/env python3
"""A stand-in for redis-cli, with a JSON file ($REDIS_FILE) for a server: only what the ledger asks of it."""

from __future__ import annotations

import fnmatch
import json
import os
import sys
from pathlib import Path
from typing import Any

FILE = Path(os.environ["REDIS_FILE"])


def run(held: dict[str, Any], words: list[str]) -> list[str] | None:
    """Run one command; return the lines of its answer, or None for an unknown one."""
    name, *given = words
    match name.upper():
        case "ECHO":
            return given
        case "KEYS":
            return [key for key in held if fnmatch.fnmatch(key, given[0])] or [""]
        case "MGET":
            return [str(held.get(key, "")) for key in given]
        case "MSET":
            held |= dict(zip(given[::2], given[1::2], strict=True))
        case "DEL":
            held.pop(given[0], None)
        case "APPEND":
            held[given[0]] = held.get(given[0], "") + given[1]
        case "EVAL":  # the one script that unlinks all keys of drills
            for key in [key for key in held if key.startswith("drill:")]:
                del held[key]
        case "XRANGE" | "XREVRANGE":
            return stream(held.get(given[0], []), name, given)
        case _:
            return None
    return ["OK"]


def stream(entries: list[list[Any]], name: str, given: list[str]) -> list[str]:
    if name.upper() == "XREVRANGE":
        entries = sorted(entries, reverse=True)
        if given[1].startswith("("):
            entries = [entry for entry in entries if entry[0] < int(given[1][1:].split("-")[0])]
    if "COUNT" in given:
        entries = entries[: int(given[-1])]
    lines = [[f"{at}-0", "sequence", str(number), "time", str(when)] for at, number, when in entries]
    return [word for entry in lines for word in entry] or [""]


def protocol(raw: bytes) -> list[list[str]]:
    """Return the commands of Redis's protocol."""
    commands = []
    while raw:
        head, _, raw = raw.partition(b"\r\n")
        words = []
        for _ in range(int(head[1:])):
            size, _, raw = raw.partition(b"\r\n")
            words.append(raw[: int(size[1:])].decode())
            raw = raw[int(size[1:]) + 2 :]
        commands.append(words)
    return commands


def main() -> int:
    if not FILE.exists():
        sys.stderr.write("Could not connect to Redis at 127.0.0.1:6379: Connection refused\n")
        return int("--pipe" in sys.argv)
    held = json.loads(FILE.read_text())
    raw = sys.stdin.buffer.read()
    piped = "--pipe" in sys.argv
    failed = 0
    for words in protocol(raw) if piped else [line.split() for line in raw.decode().splitlines()]:
        answer = run(held, words)
        failed += answer is None
        if not piped:
            sys.stdout.write("\n".join(answer or [f"ERR unknown command '{words[0]}'", ""]) + "\n")
    FILE.write_text(json.dumps(held))
    return int(piped and failed > 0)


if __name__ == "__main__":
    sys.exit(main())
