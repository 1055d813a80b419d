"""An experiment's identity: what changes it, and what must not, now and when fields are added."""

import json

import pytest

from harness.experiment.pieces import ProfileChoice, WorkloadChoice
from harness.experiment.profiles import profile, profile_names
from harness.experiment.question import Experiment, experiment_names, parse_experiment, read_experiment
from harness.record.definition import BUDGET, DEFAULTS, INNER_DEFAULTS, PROFILE_DEFAULTS, canonical, definition_sha256
from harness.record.stated import FIELDS as ECONOMICS

SPARSE = {"name": "x", "question": "?", "workloads": ["echo"], "targets": ["process-lambda"], "cold_starts": 1}


def in_full(experiment):
    return experiment.model_dump(mode="json")


def defaults_of(kind):
    """Of every field that may be left out, as JSON."""
    fields = {name: field for name, field in kind.model_fields.items() if not field.is_required()}
    return json.loads(
        json.dumps({name: field.get_default() for name, field in fields.items()}, default=lambda part: in_full(part))
    )


def test_every_optional_field_of_an_experiment_is_known_with_its_default():
    """Fails when a field is added or a default changes: add it to DEFAULTS, or raise FORM where another thing is
    measured now by experiments that say nothing."""
    found = {name: value for name, value in defaults_of(Experiment).items() if name not in (*ECONOMICS, BUDGET)}
    assert found == {**DEFAULTS, "begin": "steady"}, "who had no choice began empty, which is another measurement"


@pytest.mark.parametrize("name", ["scale_out", "objective"])
def test_so_is_every_optional_field_of_its_pieces(name):
    piece = next(kind for kind in Experiment.model_fields[name].annotation.__args__ if kind is not type(None))
    assert defaults_of(piece) == dict(INNER_DEFAULTS[name])


@pytest.mark.parametrize(("name", "piece"), [("workloads", WorkloadChoice), ("profiles", ProfileChoice)])
def test_so_is_every_optional_field_of_a_workload_and_of_a_profile(name, piece):
    assert defaults_of(piece) == dict(INNER_DEFAULTS[name])


def test_so_is_every_optional_parameter_of_every_load_profile():
    """Fails when a profile gets a parameter or another default: as above, with PROFILE_DEFAULTS."""
    found = {name: defaults_of(profile(name)) for name in profile_names()}
    assert {defaults.pop("compression") for defaults in found.values()} == {1}
    assert found == {name: dict(defaults) for name, defaults in PROFILE_DEFAULTS.items()}


def test_a_parameter_written_out_at_its_default_makes_no_other_experiment_but_compression_may():
    def identity(modelled, **parameters):
        choice = {"bursty": {"rate": 3, "seconds": 4, **parameters}}
        given = {**SPARSE, "compression": modelled, "profiles": [choice]}
        return parse_experiment(given, "here").sha256()

    assert identity(1, on_mean_s=20, inside_cv=2.5) == identity(1)
    assert identity(1, on_mean_s=21) != identity(1)
    # Left out, it is the experiment's: written out, it is 1 whatever the experiment says.
    assert identity(60, compression=1) != identity(60)


def test_the_canonical_form_holds_what_was_written_and_nothing_else():
    written = {**SPARSE, "workloads": [{"name": "echo"}]}
    assert canonical(in_full(parse_experiment(SPARSE, "here"))) == {**written, "begin": "steady"}
    assert canonical(in_full(parse_experiment({**SPARSE, "begin": "empty"}, "here"))) == written


def test_a_field_that_is_added_later_changes_no_identity_of_before():
    """A stored run of today has no such field; the experiment of tomorrow has it at its default."""
    today = in_full(parse_experiment(SPARSE, "here"))
    for name, default in DEFAULTS.items():
        yesterday = {field: value for field, value in today.items() if field != name}
        tomorrow = {**yesterday, name: default}
        if today[name] == default:
            assert definition_sha256(yesterday) == definition_sha256(tomorrow) == definition_sha256(today), name


def test_a_piece_that_is_added_to_a_piece_changes_none_either():
    full = in_full(parse_experiment({**SPARSE, "function": {"timeout_s": 5}}, "here"))
    assert canonical(full)["function"] == {"timeout_s": 5}


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"rounds": 3},
        {"margin": 0.2},
        {"workloads": ["filetype"]},
        {"workloads": [{"name": "echo", "label": "mine"}]},
        {"targets": ["process-service"]},
        {"profiles": [{"steady": {"rate": 3, "seconds": 4}}]},
        {"sizing": {"service_cpus": 2}},
        {"function": {"keep_alive_s": 10}},
        {"scale_out": {"rate": 5, "seconds": 2}},
        {"images": ["absent"]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_is_measured_otherwise_is_another_experiment(change):
    assert parse_experiment({**SPARSE, **change}, "here").sha256() != parse_experiment(SPARSE, "here").sha256()


@pytest.mark.parametrize("change", [{"expected": {"requests_per_month": 5}}, {"priced_as": {"architecture": "arm"}}])
def test_what_is_said_of_money_makes_no_other_experiment(change):
    assert parse_experiment({**SPARSE, **change}, "here").sha256() == parse_experiment(SPARSE, "here").sha256()


def test_a_number_is_the_same_however_it_is_written():
    given = [{**SPARSE, "compression": 60}, {**SPARSE, "compression": 60.0}]
    assert definition_sha256(given[0]) == definition_sha256(given[1])


@pytest.mark.parametrize("name", experiment_names())
def test_a_shipped_experiment_has_the_identity_of_what_its_runs_store(name):
    experiment = read_experiment(name)
    stored = json.loads(json.dumps(in_full(experiment)))
    assert definition_sha256(stored) == experiment.sha256()


@pytest.mark.parametrize(
    "strange",
    [
        {},
        {"workloads": 3},
        {"sizing": []},
        {"load": {"cap": {"deep": [1, {"x": 2}]}}},
        {"profiles": 3},
        {"profiles": [3, {"name": [], "parameters": {}}, {"name": "bursty", "parameters": 3}]},
    ],
)
def test_a_strangers_manifest_has_an_identity_as_well(strange):
    assert len(definition_sha256(strange)) == 64
