"""What the Docker engine says, told once and without the address that its client asked."""

import docker.errors
import pytest

from targets.contract import DeploymentError
from targets.packaging.engine import engine_errors, engine_words


@pytest.mark.parametrize("said", ["no such image:\nx", b"no such image:\nx"], ids=["text", "bytes"])
def test_the_engines_own_explanation_is_told_on_one_line(said):
    error = docker.errors.APIError("500 Server Error for http+docker://localhost/v1/x", explanation=said)
    assert engine_words(error) == "no such image: x"
    with pytest.raises(DeploymentError) as raised, engine_errors("packing"):
        raise error
    assert str(raised.value).startswith("packing failed: no such image: x; check that the engine")
    assert "http+docker" not in str(raised.value)


def test_an_engine_that_hung_up_is_told_by_the_error_itself():
    assert engine_words(ConnectionResetError("reset by peer")) == "reset by peer"
