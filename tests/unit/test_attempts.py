"""When a trial is carried out again."""

import pytest

from harness.measure.walk import is_done
from tests import synthetic

DISTURBED = {"problems": ["the generator was late"]}


def attempts(*changes):
    table = synthetic.requests([1.0, 2.0])
    return [synthetic.trial(table, attempt=number, **change) for number, change in enumerate(changes, 1)]


@pytest.mark.parametrize(
    ("records", "done"),
    [
        ([], False),
        (attempts({}), True),
        (attempts(DISTURBED), False),
        (attempts(DISTURBED, {}), True),
        (attempts(DISTURBED, DISTURBED), False),
        (attempts(DISTURBED, DISTURBED, DISTURBED), True),
    ],
)
def test_an_invalid_trial_is_tried_again_at_most_twice(records, done):
    assert is_done(records, most=3) is done


def test_what_could_not_be_sent_at_all_is_tried_again_too():
    """An absent image or a silent engine may be there at the next attempt."""
    unsent = [record.model_copy(update={"scheduled": 0}) for record in attempts(DISTURBED, DISTURBED, DISTURBED)]
    assert [is_done(unsent[:count], most=3) for count in (1, 2, 3)] == [False, False, True]
