"""Answer: what a maintainer asks for in a comment of a pull request; who asks is checked, not only what."""

from __future__ import annotations

from automation import report
from automation.errors import ConfigurationError, Refused
from automation.github import commands
from automation.github.commands import Command
from automation.github.event import Event
from automation.jobs.infrastructure.review import load
from automation.jobs.pull_requests.merge import apply_merged
from automation.jobs.pull_requests.pull_request import REVIEW, Place
from automation.opentofu import comment, envelope


def asked(event: Event) -> Command | None:
    """Return the command in the event's comment; none where it is an ordinary comment.

    Raises ConfigurationError for one that is meant as a command and is none.
    """
    if event.comment is None or event.number is None:
        return None
    return commands.parse(event.comment.body)


def answer(place: Place, command: Command) -> str:
    """Do what the comment asks for and return what was done, in one sentence.

    Raises Refused for somebody who may not ask, and for what there is nothing to do with.
    """
    if place.event.comment is None:
        raise ConfigurationError("There is no comment to answer.", hint="Run this on the event issue_comment.")
    commands.require(place.github, place.event.comment, command)
    if command.name == "acknowledge":
        return _acknowledge(place, command.digest)
    if command.name == "apply":
        return _apply(place, command.digest)
    return _unlock(place, place.event.comment.author)


def _acknowledge(place: Place, digest: str) -> str:
    site, pull = place.site, place.pull
    fitting = [
        found
        for found in place.envelopes.find(site.name, pull.number)
        if found.manifest.plan_digest.startswith(digest) and found.manifest.repository == place.event.run.repository
    ]
    if not fitting:
        raise Refused(
            f"There is no plan {digest[:12]} of {site.name} for #{pull.number}.",
            hint="A newer plan may have taken its place: read that one, and acknowledge its digest.",
        )
    manifest = fitting[0].manifest
    opened = envelope.unseal(place.envelopes.get(fitting[0]), site.envelope_key)
    reviewed = place.acknowledged(load(site, opened.files[REVIEW]))
    facts = place.facts(reviewed, expires=manifest.expires)
    place.show(comment.plan_comment(reviewed.plan, facts), digest=reviewed.digest)
    place.set_status("failure" if reviewed.refused else "success", reviewed.verdict())
    return f"The plan {reviewed.digest[:12]} of {site.name}: {reviewed.verdict()}."


def _apply(place: Place, digest: str) -> str:
    if not place.pull.merged:
        raise Refused(
            f"#{place.pull.number} is not merged, so its plans are not applied.",
            hint="Merge it: that applies the plan. This command is for a plan that was offered after the merge.",
        )
    done = apply_merged(place, digest=digest)
    return f"The plan {done.digest[:12]} is applied to {place.site.name}."


def _unlock(place: Place, author: str) -> str:
    name = place.site.name
    if place.locks.release(name, place.holder):
        report.note(f"{author} gave the lock of {name} back")
        return f"The environment {name} is unlocked."
    return f"The environment {name} was not locked by #{place.pull.number}."
