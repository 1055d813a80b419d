"""A model in torch on both Docker targets, as a user runs it; its image is the largest that these tests build."""

import pytest

from harness.record.columns import phase_column
from harness.record.nouns import Outcome
from tests.e2e.bench import assert_done

pytestmark = pytest.mark.docker
BUILD_S = 1500
"""More than it takes where eight other tests run on two cores."""


def test_a_model_in_torch_answers_rightly_as_a_service_and_as_a_function(bench):
    """Of the torch models the one with the smallest image. Nothing is downloaded that is for a GPU."""
    experiment = bench.experiment(
        workloads=["classify-image-torch"],
        targets=["docker-service", "docker-lambda"],
        profiles=[{"constant": {"rate": 0.5, "seconds": 6}}],
        function={"init_timeout_s": 60},
    )
    folder = assert_done(bench, bench.start("run", experiment, "--results", bench.results).finish(BUILD_S))
    for record in folder.trials():
        rows = folder.requests(record).to_pandas()
        assert list(rows["outcome"].astype(str)) == [Outcome.OK] * 3, rows["error"].dropna().unique()
        if record.target == "docker-lambda":
            started = rows[rows[phase_column("imports")].notna()]
            assert len(started) >= 1 and (started[phase_column("weights")] > 0).all()
    for package in folder.manifest.packages.values():
        assert any(line.startswith("torch==2.13.0") for line in package["packages"])
        assert not [line for line in package["packages"] if line.startswith(("nvidia", "triton"))]
        assert package["size_bytes"] < 2_000_000_000
