"""``dogitops plan`` against ``tofu init``, ``plan`` and ``show -json`` by hand, on the same root and store."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
from pathlib import Path

from measure import Figure, Pair, Result, run

from automation import objectstore, report
from automation.toolchain import install

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".dogitops" / "benchmark-planning"
RESOURCES = 200
PORT = 18483
PATIENCE = 1.5  # seconds that it may take over the bare tools, where 10 % of theirs is less
ENVIRONMENT = """
description: Built-in resources only
cluster: {{provider: existing, name: dogitops-bench, kubeconfig: kubeconfig}}
objectstore: {{endpoint: "{endpoint}"}}
state: {{bucket: dogitops-bench-state}}
gitops: {{path: gitops}}
backup: {{bucket: dogitops-bench-backups, namespaces: [bench]}}
"""
MAIN = """
terraform {
  required_version = ">= 1.10.0"
  backend "s3" {
    bucket                      = "dogitops-bench-state"
    key                         = "environment.tfstate"
    region                      = "us-east-1"
    use_lockfile                = true
    use_path_style              = true
    skip_credentials_validation = true
    skip_metadata_api_check     = true
    skip_region_validation      = true
    skip_requesting_account_id  = true
    skip_s3_checksum            = true
  }
}
resource "terraform_data" "many" {
  count = COUNT
  input = { name = "node-${count.index}", size = "s-2vcpu-4gb", tags = ["owner:platform"] }
}
"""


def planning(repeat: int) -> Result:
    """Measure both in turn; each plans the creation of the same resources."""
    shutil.rmtree(HOME, ignore_errors=True)
    workspace = HOME / "repository"
    root = workspace / "opentofu" / "environments" / "bench"
    root.mkdir(parents=True)
    tofu = install.path("tofu")
    store = objectstore.serve_local(HOME / "store", install.path("versitygw"), "127.0.0.1", PORT, "us-east-1")
    try:
        (root / "environment.yaml").write_text(ENVIRONMENT.format(endpoint=store.endpoint))
        (root / "main.tf").write_text(MAIN.replace("COUNT", str(RESOURCES)))
        store.ensure_bucket("dogitops-bench-state")
        keys = {
            "AWS_ENDPOINT_URL_S3": store.endpoint,
            "AWS_ACCESS_KEY_ID": store.access_key.reveal(),
            "AWS_SECRET_ACCESS_KEY": store.secret_key.reveal(),
            "SPACES_ACCESS_KEY_ID": store.access_key.reveal(),
            "SPACES_SECRET_ACCESS_KEY": store.secret_key.reveal(),
            "DOGITOPS_ROOT": str(workspace),
            "DOGITOPS_STATE": str(workspace / ".dogitops"),
            "PYTHONPATH": str(ROOT),
            "TF_DATA_DIR": str(HOME / "data"),
        }
        ours, bare = [], []
        with report.phase(f"Planning {RESOURCES} resources, in turn"):
            for _ in range(repeat):
                steps = (["init", "-input=false", "-reconfigure"], ["plan", "-input=false", f"-out={HOME / 'saved'}"])
                bare.append(sum(_bare(tofu, root, keys, step) for step in (*steps, ["show", "-json", HOME / "saved"])))
                ours.append(run([sys.executable, "-m", "automation", "plan", "bench"], env=keys, cwd=ROOT).seconds)
    finally:
        objectstore.stop_local(HOME / "store")
        shutil.rmtree(HOME, ignore_errors=True)
    found = Result("planning")
    found.pairs.append(Pair("plan; bare: tofu init, plan, show -json", tuple(ours), tuple(bare), None))
    over = statistics.median(ours) - statistics.median(bare)
    allowed = max(PATIENCE, 0.1 * statistics.median(bare))
    found.figures.append(Figure("plan: seconds over the bare tools", over, "s", allowed))
    return found


def _bare(tofu: Path, root: Path, keys: dict[str, str], step: list[str | Path]) -> float:
    return run([tofu, *step], env={**os.environ, **keys}, cwd=root).seconds
