"""Whose a thing on AWS is: tags by which all of a run's is found again, and names by which it is looked for."""

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping

from targets.clock import wall_time
from targets.contract import Remnant
from targets.ownership import LIFETIME_S, Owner

RUN, OWNER, EXPIRES = "frostline:run", "frostline:owner", "frostline:expires"
PREFIX = "frostline-"
LONGEST_NAME = 32
"""Of a load balancer, whose names are the shortest."""


def tags_of(run_id: str) -> dict[str, str]:
    """What everything of a run carries."""
    return {RUN: run_id, OWNER: str(Owner.current()), EXPIRES: str(int(wall_time() + LIFETIME_S))}


def pairs(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """The form in which most services take tags."""
    return [{key: name, value: text} for name, text in tags.items()]


def mapping(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Back from that form, whichever way it spells its keys."""
    lower = [{name.lower(): text for name, text in tag.items()} for tag in tags]
    return {tag["key"]: tag.get("value", "") for tag in lower if "key" in tag}


def remnant(name: str, tags: Mapping[str, str]) -> Remnant | None:
    """What is known of a thing by its tags; None where they are not ours."""
    if RUN not in tags:
        return None
    expires = tags.get(EXPIRES, "")
    return Remnant(name, tags[RUN], tags.get(OWNER, ""), float(expires) if expires.isdigit() else None)


def run_name(run_id: str) -> str:
    """What all of a run's is called by: frostline- and 8 hex digits."""
    return PREFIX + hashlib.sha256(run_id.encode()).hexdigest()[:8]


def new_name(run_id: str, workload: str) -> str:
    """A name that nothing had before, of at most LONGEST_NAME characters."""
    begin, end = run_name(run_id), secrets.token_hex(3)
    room = LONGEST_NAME - len(begin) - len(end) - 2
    return f"{begin}-{re.sub(r'[^a-z0-9]+', '-', workload)[:room].strip('-')}-{end}"
