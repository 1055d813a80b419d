"""Requests without a reply of a trial whose only replica ended: the row says how that was, and not only that nobody
listened."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from harness.record.nouns import Outcome
from targets.events import Event

MOST_ERROR = 400


def with_death(requests: pa.Table, events: Sequence[Event]) -> pa.Table:
    """The rows, with the end of the one replica that there was; unchanged where there were several, of which no row
    says which it met, or none ended."""
    units = {event.get("unit") for event in events if event["kind"] == "create"}
    whys = [event["why"] for event in events if event["kind"] == "died" and "why" in event]
    if len(units) != 1 or len(whys) != 1:
        return requests
    place, errors = requests.schema.get_field_index("error"), requests["error"].cast(pa.string())
    failed = pc.equal(requests["outcome"].cast(pa.string()), Outcome.FAILED.value)
    unanswered = pc.and_(failed, pc.is_null(requests["status"]))
    told = pc.binary_join_element_wise(errors, f"the replica ended: {whys[0]}"[:MOST_ERROR], ": ", null_handling="skip")
    field = requests.schema.field(place)
    return requests.set_column(place, field, pc.if_else(unanswered, told, errors).cast(field.type))
