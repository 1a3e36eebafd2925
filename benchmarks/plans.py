#!/usr/bin/env python3
"""Plans of 10, 1,000 and 10,000 changes, made by real OpenTofu: what showing them costs beside its own JSON.

``benchmarks/run.py plans`` runs all of it; ``plans.py PLAN.json`` measures one plan in a process of its own.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from measure import Figure, Pair, Result, run  # noqa: E402 - beside this file

from automation import report  # noqa: E402
from automation.toolchain import install  # noqa: E402

SIZES = (10, 1_000, 10_000)
HOME = ROOT / ".dogitops" / "benchmark-plans"
BLOCKS = 50  # OpenTofu plans the instances of one block in quadratic time: many blocks, so that they stay few in each
# Of ten resources that are there, seven change, two are replaced and one goes; as many are new.
HEAD = """
variable "each" { type = number }
variable "new" { type = number }
variable "now" { type = bool }
resource "terraform_data" "new" {
  count = var.now ? var.new : 0
  input = {
    name = "new-${count.index}", size = "s-1vcpu-1gb", region = "ams3"
    tags = ["owner:platform", "number:${count.index}"]
  }
}
output "many" { value = length(terraform_data.new) }
"""
BLOCK = """
resource "terraform_data" "BLOCK" {
  count            = var.now ? floor(var.each * 0.9) : var.each
  triggers_replace = count.index % 5 == 4 && var.now ? "later" : "first"
  input = {
    name    = "node-${count.index}"
    size    = var.now ? "s-4vcpu-8gb" : "s-2vcpu-4gb"
    region  = "fra1"
    tags    = ["owner:platform", "role:worker", "number:${count.index}"]
    rules   = [{ protocol = "tcp", port = 443, sources = ["10.0.0.0/8"] }]
    content = var.now ? "one\\ntwo\\nthree\\n" : "one\\n2\\nthree\\n"
  }
}
"""


def plans(repeat: int) -> Result:
    """Measure reading, redacting, guarding and rendering against ``tofu show -json`` of the same plan, in turn."""
    tofu = install.path("tofu")
    found = Result("plans")
    spent: dict[int, float] = {}
    for changes in SIZES:
        with report.phase(f"Planning {changes:,} changes"):
            folder = planned(tofu, changes)
        ours, theirs, peaks, lengths = [], [], [], []
        with report.phase(f"Showing {changes:,} changes"):
            for _ in range(repeat):
                shown = run([tofu, f"-chdir={folder}", "show", "-json", "saved"], env=_quiet(folder))
                theirs.append(shown.seconds)
                (folder / "plan.json").write_text(shown.output)
                told = json.loads(run([sys.executable, __file__, folder / "plan.json"]).output)
                ours.append(told["seconds"])
                peaks.append(told["peak_mb"])
                lengths.append(told["characters"])
        spent[changes] = min(ours)
        what = f"{changes:,} changes: read, redact, guard, price, render; bare: tofu show -json"
        found.pairs.append(Pair(what, tuple(ours), tuple(theirs), 0.5))
        found.figures.append(Figure(f"{changes:,} changes: peak memory of a fresh process", max(peaks), "MB", 500))
        found.figures.append(Figure(f"{changes:,} changes: characters of the comment", max(lengths), "", 65_536))
    growth = (spent[10_000] / 10_000) / (spent[1_000] / 1_000)
    found.figures.append(Figure("time for one change, of 10,000 against of 1,000", growth, "times", 1.25))
    shutil.rmtree(HOME, ignore_errors=True)
    return found


def planned(tofu: Path, changes: int) -> Path:
    """Return a folder with ``saved``, a plan of as many changes, made by OpenTofu on a state that is there."""
    folder = HOME / str(changes)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    blocks = min(BLOCKS, max(1, changes // 20))
    each = changes // 2 // blocks
    (folder / "main.tf").write_text(HEAD + "".join(BLOCK.replace("BLOCK", f"there_{n}") for n in range(blocks)))
    start, env = [tofu, f"-chdir={folder}"], _quiet(folder)
    run([*start, "init", "-input=false"], env=env)
    run([*start, "apply", "-auto-approve", "-var=each=1", "-var=new=0", "-var=now=false"], env=env)
    _multiply(folder / "terraform.tfstate", each)
    new = changes - each * blocks
    run(
        [*start, "plan", "-refresh=false", "-out=saved", f"-var=each={each}", f"-var=new={new}", "-var=now=true"],
        env=env,
    )
    return folder


def _multiply(file: Path, each: int) -> None:
    """Make as many instances of each that the state has one of: OpenTofu would take hours to apply them."""
    state = json.loads(file.read_text())
    for block in state["resources"]:
        raw = json.dumps(block["instances"][0])
        block["instances"] = [
            {**json.loads(raw.replace("node-0", f"node-{n}").replace("number:0", f"number:{n}")), "index_key": n}
            for n in range(each)
        ]
    file.write_text(json.dumps(state))


def _quiet(folder: Path) -> dict[str, str]:
    """Return an environment in which tofu finds no configuration of the user's to warn of."""
    (folder / "tofurc").touch()
    return {"TF_CLI_CONFIG_FILE": str(folder / "tofurc")}


def measured(path: Path) -> dict[str, float]:
    """Read the plan's JSON up to its comment; return the seconds, the peak memory in MB, and the comment's length."""
    from automation.opentofu import comment, cost, guard, plan  # noqa: PLC0415 - loading the code is not measured

    began = time.perf_counter()
    parsed = plan.read(path.read_bytes())
    facts = comment.Facts("benchmark", "0" * 64, findings=guard.judge(parsed), cost=cost.difference(parsed))
    text = comment.plan_comment(parsed, facts)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return {"seconds": seconds, "peak_mb": peak, "characters": len(text), "changes": len(parsed.resources)}


def main(argv: list[str]) -> Iterator[str]:
    """Yield what one plan costs, as JSON."""
    for name in argv:
        yield json.dumps(measured(Path(name)))


if __name__ == "__main__":
    print(*main(sys.argv[1:]), sep="\n")
