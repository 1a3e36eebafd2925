"""What tofu's errors mean; the texts are as OpenTofu 1.12.6 writes them, at 78 characters a line."""

from __future__ import annotations

import pytest

from automation.errors import CommandFailed, ConfigurationError, DogitopsError, Refused
from automation.opentofu.explain import Passing, StateLocked, explained, plain

NO_REGISTRY = """
Error: Failed to resolve provider packages

Could not resolve provider digitalocean/digitalocean: could not connect to
registry.opentofu.org: failed to request discovery document: Get
"https://registry.opentofu.org/.well-known/terraform.json": dial tcp: lookup
registry.opentofu.org on 192.0.2.53:53: no such host
"""
RATE_LIMITED = """
Error: Failed to install provider

Error while installing digitalocean/digitalocean v2.99.1: unsuccessful request
to https://github.com/opentofu/terraform-provider-digitalocean: 429 Too Many
Requests
"""
UNKNOWN_PROVIDER = """
Error: Failed to resolve provider packages

Could not resolve provider digitalocian/x: provider registry
registry.opentofu.org does not have a provider named
registry.opentofu.org/digitalocian/x
"""
BROKEN = """
OpenTofu encountered problems during initialization, including problems
with the configuration, described below.

Error: Missing name for resource

  on b.tf line 1, in resource "x":
   1: resource "x" {

All resource blocks must have 2 labels (type, name).


Error: Invalid expression

  on ../../modules/net work/main.tf line 22, in resource "x":
  22:   a =

Expected the start of an expression, but found an invalid expression token.

Error: Missing name for resource

  on b.tf line 1, in resource "x":
   1: resource "x" {

All resource blocks must have 2 labels (type, name).
"""
KEPT = """
Error: Resource instance cannot be destroyed

  on ../../modules/spaces/main.tf line 13:
  13: resource "digitalocean_spaces_bucket" "this" {

Resource instance module.backups.digitalocean_spaces_bucket.this["backups"]
has prevent_destroy set, but the plan calls for it to be destroyed.

To proceed, either disable prevent_destroy for this resource or exclude
instances of this resource from this round using:
    -exclude="module.backups.digitalocean_spaces_bucket.this"

Error: Resource instance cannot be destroyed

  on ../../modules/storage/main.tf line 11:
  11: resource "digitalocean_volume" "this" {

Resource instance module.storage.digitalocean_volume.this["loki"] has
prevent_destroy set, but the plan calls for it to be destroyed.
"""
UNSUPPORTED = """
╷
│ Error: Unsupported argument
│
│   on main.tf line 2, in resource "terraform_data" "a":
│    2:   inputt = var.nothing
│     ├────────────────
│     │ var.nothing is "x"
│
│ An argument named "inputt" is not expected here. Did you mean "input"?
╵
"""
FROM_THE_API = """
Error: Error retrieving droplet

  with data.digitalocean_droplet.x,
  on main.tf line 2, in data "digitalocean_droplet" "x":
   2: data "digitalocean_droplet" "x" {

GET https://api.digitalocean.com/v2/droplets: 401 Unable to authenticate you
"""
OTHER_VERSION = """
Error: Failed to read plan from plan file

Cannot read the plan from the given plan file: plan file was created by
OpenTofu or Terraform 1.11.0, but this is 1.12.6; plan files cannot be
transferred between different versions of OpenTofu / Terraform.
"""
NO_PLAN = """
Error: Failed to load "p2" as a plan file

Error: couldn't load the provided path as either a local plan file (zip: not a
valid zip file) or a saved cloud plan
"""
LOCK_FILE = """
Error: Failed to install provider

Error while installing digitalocean/digitalocean v2.99.1: the cached package
for digitalocean/digitalocean 2.99.1 (in .terraform/providers) doesn't match
any of the checksums recorded in the dependency lock file
"""


def error(command: str, text: str) -> DogitopsError:
    return explained(command, 1, plain(text), "local")


@pytest.mark.parametrize(
    ("command", "text", "kind", "told", "hint"),
    [
        ("init", NO_REGISTRY, Passing, "can't download the providers of local", "reaches the provider registry"),
        ("init", RATE_LIMITED, Passing, "asked too often", "provider cache"),
        ("init", UNKNOWN_PROVIDER, ConfigurationError, "can't get the providers", "required_providers"),
        ("init", LOCK_FILE, ConfigurationError, "not those of its .terraform.lock.hcl", "tofu providers lock"),
        ("init", BROKEN, ConfigurationError, "configuration of local is not valid", "opentofu/environments/local"),
        ("plan", UNSUPPORTED, ConfigurationError, "configuration of local is not valid", "Correct it"),
        ("plan", "Error: x\n\nread tcp: connection reset by peer", Passing, "The network failed", "again"),
        ("plan", "Error: GET https://x/v2: 503 Service Unavailable", Passing, "The network failed", "again"),
        ("apply", OTHER_VERSION, DogitopsError, "made by OpenTofu 1.11.0, and this is 1.12.6", "dogitops plan local"),
        ("apply", NO_PLAN, DogitopsError, "can't be read by this OpenTofu", "dogitops plan local"),
        ("apply", "Error: Saved plan is stale", DogitopsError, "the state has changed", "dogitops plan local"),
        ("plan", "Error acquiring the state\nlock", StateLocked, "locked by another run", "dogitops unlock local"),
    ],
)
def test_each_trouble_has_its_words(command: str, text: str, kind: type[DogitopsError], told: str, hint: str) -> None:
    found = error(command, text)
    assert type(found) is kind
    assert told in found.message
    assert hint in (found.hint or "")


def test_broken_configuration_is_told_once_with_file_and_line_and_without_frames() -> None:
    found = error("init", BROKEN)
    assert found.exit_code == 2
    assert found.message.count("Missing name for resource") == 1
    assert "on b.tf line 1" in found.message
    assert "on ../../modules/net work/main.tf line 22" in found.message
    framed = error("plan", UNSUPPORTED).message
    assert "on main.tf line 2" in framed
    assert not {*"╷│╵├─"} & {*framed}


def test_an_error_of_a_provider_is_none_of_the_configuration() -> None:
    found = error("plan", FROM_THE_API)
    assert isinstance(found, CommandFailed)
    assert "401 Unable to authenticate you" in found.message


@pytest.mark.parametrize(
    "text",
    [
        'Error: GET https://api.digitalocean.com/v2/droplets: 429 (request "a-b") Too many requests',
        "Error: API rate limit exceeded for 192.0.2.1.",
        "Error: operation error S3: PutObject, https response error StatusCode: 429",
        'Error: GET https://api.digitalocean.com/v2/droplets: 503 (request "a-b") Service Unavailable',
        "Error: could not query: Get https://x: net/http: TLS handshake timeout",
        "Error: lookup registry.opentofu.org: Temporary failure in name resolution",
    ],
)
def test_faults_that_pass_are_known_in_their_many_words(text: str) -> None:
    assert isinstance(error("plan", text), Passing)


@pytest.mark.parametrize("word", ["rate_limit", "throttle", "429", "timeout"])
def test_words_of_a_configuration_are_no_faults_that_pass(word: str) -> None:
    text = UNSUPPORTED.replace("inputt", word).replace("line 2", "line 429").replace("2:", "429:")
    assert isinstance(error("plan", text), ConfigurationError)


@pytest.mark.parametrize("text", [RATE_LIMITED, "Error: x: connection reset by peer"])
def test_an_apply_is_never_called_passing(text: str) -> None:
    assert not isinstance(error("apply", text), Passing)


def test_a_state_store_that_refuses_connections_is_not_waited_for() -> None:
    found = error("init", 'Error: operation error S3: HeadObject: Get "x": dial tcp: connect: connection refused')
    assert not isinstance(found, Passing)
    assert "The S3 server that holds the state of local can't be reached" in found.message


def test_other_errors_are_told_as_they_are() -> None:
    found = error("plan", "\x1b[31mError:\x1b[0m no such luck")
    assert isinstance(found, CommandFailed)
    assert found.message == "tofu plan exited with 1\nError: no such luck"


def test_what_is_kept_is_refused_by_name() -> None:
    found = explained("plan", 1, KEPT, "dev")
    assert isinstance(found, Refused)
    assert found.message.splitlines() == [
        "The plan would destroy what dev keeps (prevent_destroy):",
        '  module.backups.digitalocean_spaces_bucket.this["backups"]',
        '  module.storage.digitalocean_volume.this["loki"]',
    ]
    assert "TF_VAR_keep_data=false" in str(found.hint)
    assert isinstance(explained("plan", 1, KEPT + "\n" + plain(UNSUPPORTED), "dev"), ConfigurationError)
