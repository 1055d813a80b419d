"""The order of a run: interleaved, shuffled by the seed, with the same traffic for every target."""

import itertools
from collections import Counter

import pytest

from harness.experiment.plan import COLD_START_S, STEADY_BEGIN_S, arrival_seed, plan
from harness.experiment.question import parse_experiment
from harness.record.nouns import FORCED_COLD, SCALE_OUT
from loadprofiles.contract import fingerprint

TARGETS = ["process-service", "process-lambda"]
FIELDS = {
    "name": "plan",
    "question": "In which order?",
    "workloads": ["echo", "filetype"],
    "targets": TARGETS,
    "profiles": [
        {"steady": {"rate": 20, "seconds": 4}},
        {"steady": {"rate": 40, "seconds": 4}},
        {"bursty": {"rate": 20, "seconds": 4}},
    ],
    "cold_starts": 3,
    "rounds": 6,
    "compression": 60,
    "seed": 11,
}


def trials(**changes):
    return plan(parse_experiment({**FIELDS, **changes}, "test"), TARGETS)


def pairs(planned):
    return zip(planned[::2], planned[1::2], strict=True)


def cell(trial):
    return trial.workload.name, trial.profile


def test_every_round_visits_every_target_in_every_cell_once():
    planned = trials()
    cells = set(itertools.product(["echo", "filetype"], ["steady-1", "steady-2", "bursty", FORCED_COLD]))
    for number in range(1, 7):
        visits = Counter((cell(trial), trial.target) for trial in planned if trial.round == number)
        assert visits == Counter(itertools.product(cells, TARGETS))
    assert [trial.order for trial in planned] == list(range(6 * 8 * 2))
    assert [trial.round for trial in planned] == sorted(trial.round for trial in planned)


def test_the_targets_of_a_cell_are_visited_one_after_the_other():
    for first, second in pairs(trials()):
        assert (first.round, cell(first)) == (second.round, cell(second))
        assert {first.target, second.target} == set(TARGETS)


def test_neither_target_always_goes_first():
    assert {first.target for first, _ in pairs(trials())} == set(TARGETS)


def test_cells_change_places_between_rounds():
    orders = {
        tuple(cell(trial) for trial in group) for _, group in itertools.groupby(trials(), key=lambda trial: trial.round)
    }
    assert len(orders) > 1


def test_the_seed_alone_makes_the_plan():
    assert trials() == trials()
    assert [trial.id for trial in trials()] != [trial.id for trial in trials(seed=12)]
    assert sorted(trial.id for trial in trials()) == sorted(trial.id for trial in trials(seed=12))


def test_ids_are_unique():
    ids = [trial.id for trial in trials()]
    assert len(set(ids)) == len(ids)
    assert "r01.echo.process-lambda.steady-2" in ids


def test_arrival_seeds_are_shared_by_targets_and_by_nothing_else():
    seeds = {}
    for trial in trials():
        seeds.setdefault((trial.round, *cell(trial)), set()).add(trial.arrival_seed)
    assert all(len(found) == 1 for found in seeds.values())
    assert len(set.union(*seeds.values())) == len(seeds)


def test_arrival_seeds_do_not_depend_on_what_else_is_in_the_experiment():
    alone = trials(workloads=["echo"], profiles=[{"bursty": {"rate": 20, "seconds": 4}}], rounds=2)
    known = {trial.id: trial.arrival_seed for trial in trials()}
    assert all(known[trial.id] == trial.arrival_seed for trial in alone)
    assert arrival_seed(11, 1, "echo", "bursty") != arrival_seed(12, 1, "echo", "bursty")


def test_both_targets_get_byte_identical_schedules_and_rounds_do_not():
    prints = {}
    for trial in trials():
        if trial.load is not None:
            arrivals = trial.load.arrivals(trial.arrival_seed)
            prints.setdefault((trial.round, *cell(trial)), []).append(fingerprint(arrivals))
    assert all(len(found) == 2 and found[0] == found[1] for found in prints.values())
    assert len({found[0] for found in prints.values()}) == len(prints)


def test_the_case_tells_what_else_identifies_a_row():
    by_target = {trial.target: trial.case for trial in trials() if trial.profile == "bursty"}
    assert by_target["process-lambda"] == {
        "memory_mb": 1769,
        "cpus": 1.0,
        "keep_alive_s": 5.0,
        "concurrency": 1000,
        "rate": 20,
        "seconds": 4,
        "compression": 60,
        "begin": "steady",
    }
    assert by_target["process-service"] == {
        "memory_mb": 2048,
        "cpus": 1.0,
        "replicas": 1,
        "rate": 20,
        "seconds": 4,
        "compression": 60,
        "begin": "steady",
    }


def test_keep_alive_is_compressed_as_the_trials_own_traffic_is_and_nowhere_else():
    profiles = [
        {"steady": {"rate": 3, "seconds": 4}},
        {"bursty": {"rate": 20, "seconds": 4}},
        {"sparse": {"gap_s": 10, "seconds": 40, "compression": 2}},
        {"diurnal": {"rate": 3, "seconds": 864}},
    ]
    planned = trials(profiles=profiles, scale_out={"rate": 1, "seconds": 4}, rounds=1, workloads=["echo"])
    found = {
        trial.profile: (trial.case["keep_alive_s"], trial.settings.keep_alive_s)
        for trial in planned
        if trial.target == "process-lambda"
    }
    assert found == {
        "steady": (300, 300),
        "bursty": (5, 5),
        "sparse": (150, 150),
        "diurnal": (3, 3),
        FORCED_COLD: (300, 300),
    }


def test_a_begin_belongs_to_traffic_and_not_to_forced_starts_or_scale_out():
    for begin in ("steady", "empty"):
        planned = trials(begin=begin, scale_out={"rate": 1, "seconds": 4})
        found = {(trial.profile in (FORCED_COLD, SCALE_OUT), trial.begin, trial.case.get("begin")) for trial in planned}
        assert found == {(True, None, None), (False, begin, begin)}


def test_a_steady_begin_takes_time_that_is_expected():
    def minutes(begin):
        return sum(trial.expected_s for trial in trials(begin=begin))

    under_traffic = [trial for trial in trials() if trial.begin is not None]
    assert minutes("steady") - minutes("empty") >= len(under_traffic) * STEADY_BEGIN_S


def test_a_steady_begin_takes_longer_the_more_sandboxes_are_expected():
    def begin_s(target, rate):
        profile = [{"steady": {"rate": rate, "seconds": 4}}]
        fields = {**FIELDS, "profiles": profile, "cold_starts": 0, "rounds": 1, "workloads": ["echo"]}
        (trial,) = plan(parse_experiment({**fields, "function": {"concurrency_limit": 50}}, "test"), [target])
        return trial._begin_s

    assert begin_s("process-service", 100) == begin_s("process-service", 1) == STEADY_BEGIN_S
    assert begin_s("process-lambda", 100) - begin_s("process-lambda", 5) == 19 * COLD_START_S / 2
    assert begin_s("process-lambda", 9_000) - begin_s("process-lambda", 5) == 49 * COLD_START_S / 2, "no more may be"


def test_forced_cold_starts_carry_no_load_and_can_be_left_out():
    forced = [trial for trial in trials() if trial.profile == FORCED_COLD]
    assert all(trial.load is None and trial.case["cold_starts"] == 3 for trial in forced)
    assert not [trial for trial in trials(cold_starts=0) if trial.profile == FORCED_COLD]
    assert all(trial.profile == FORCED_COLD for trial in trials(profiles=[]))


@pytest.mark.parametrize("fields", [{}, {"profiles": []}])
def test_the_expected_length_counts_the_load(fields):
    for trial in trials(**fields):
        assert trial.expected_s > (trial.load.seconds if trial.load else trial.case["cold_starts"])


def test_each_regime_of_forced_cold_starts_is_a_cell_of_its_own():
    fields = {"page_cache": ["kept", "dropped"], "images": ["present", "absent"], "rounds": 1, "workloads": ["echo"]}
    names = ["docker-service", "process-lambda"]
    planned = plan(parse_experiment({**FIELDS, **fields, "profiles": []}, "test"), names)
    found = {(trial.target, trial.case["page_cache"], trial.case["images"]) for trial in planned}
    regimes = set(itertools.product(["kept", "dropped"], ["present", "absent"]))
    assert {(cache, images) for target, cache, images in found if target == "docker-service"} == regimes
    assert {images for target, _, images in found if target == "process-lambda"} == {"present"}, "it has no image"
    assert len({trial.id for trial in planned}) == len(planned) and {trial.profile for trial in planned} == {
        FORCED_COLD
    }


def test_only_services_are_scaled_out():
    fields = {"scale_out": {"starts": 2, "rate": 5, "seconds": 4}, "rounds": 1, "workloads": ["echo"], "profiles": []}
    found = [trial for trial in trials(**fields) if trial.profile == SCALE_OUT]
    assert [trial.target for trial in found] == ["process-service"]
    assert found[0].scale_out == 2 == found[0].case["scale_out"] and found[0].load is not None


def test_two_labels_of_one_workload_meet_the_same_traffic():
    twice = [{"name": "known-truth", "label": "one"}, {"name": "known-truth", "label": "other"}]
    planned = [trial for trial in trials(workloads=twice, rounds=2) if trial.load is not None]
    by_label: dict[str, list[tuple[object, ...]]] = {"one": [], "other": []}
    for trial in planned:
        by_label[trial.workload.key].append((trial.round, trial.profile, trial.target, trial.arrival_seed))
    assert sorted(by_label["one"]) == sorted(by_label["other"]) != []
