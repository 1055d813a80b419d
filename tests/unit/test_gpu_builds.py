"""Several GB of CUDA never come unasked: pip itself, on a folder of small wheels that say what the real ones say."""

import zipfile
from pathlib import Path

import pytest

from targets.contract import DeploymentError
from targets.packaging import gpu_builds
from targets.packaging.wheelhouse import HostInterpreter, Wheelhouse


def wheel(folder: Path, name: str, version: str, *requires: str) -> None:
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nProvides-Extra: melt\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{info}/METADATA", metadata + "".join(f"Requires-Dist: {line}\n" for line in requires))
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place that pip looks into, named by a setting of its own."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    for variable, value in {"FIND_LINKS": str(shelf), "NO_INDEX": "1", "CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(f"PIP_{variable}", value)
    wheel(shelf, "nvidia_cublas", "13.0")
    return shelf


def fetched(requirement: str = "torch==2.13.0") -> list[str]:
    wheels = Wheelhouse((requirement,), HostInterpreter())
    wheels.fetch("embed-torch", lambda text: None)
    return wheels.packages()


@pytest.mark.parametrize(("version", "requires"), [("2.13.0", ["nvidia-cublas"]), ("2.13.0+cu130", [])])
def test_builds_for_a_gpu_are_refused_by_name_with_the_setting_that_helps(shelf, tmp_path, version, requires) -> None:
    wheel(shelf, "torch", version, *requires)
    with pytest.raises(DeploymentError) as caught:
        fetched()
    found = "nvidia_cublas" if requires else "torch-2.13.0+cu130"
    text = str(caught.value)
    assert f"pip has found {found}" in text and "nothing was kept; give pip builds for the CPU: PIP_FIND_LINKS=" in text
    assert "FROSTLINE_GPU_WHEELS=1" in text
    assert list((tmp_path / "cache" / "wheels").iterdir()) == []


def test_they_are_taken_where_they_are_wanted_and_kept_apart(shelf, monkeypatch) -> None:
    wheel(shelf, "torch", "2.13.0", "nvidia-cublas")
    monkeypatch.setenv(gpu_builds.GPU_VARIABLE, "1")
    assert fetched() == ["nvidia_cublas==13.0", "torch==2.13.0"]
    monkeypatch.delenv(gpu_builds.GPU_VARIABLE)
    with pytest.raises(DeploymentError):
        fetched()


def test_a_folder_with_a_build_for_the_cpu_is_enough(shelf) -> None:
    wheel(shelf, "torch", "2.13.0", "nvidia-cublas")
    wheel(shelf, "torch", "2.13.0+cpu")
    assert fetched() == ["torch==2.13.0+cpu"]


def test_pins_with_extras_markers_and_post_releases_are_fetched(shelf) -> None:
    wheel(shelf, "frost", "1.2.post3", 'thaw==1.0; extra == "melt"')
    wheel(shelf, "thaw", "1.0")
    assert fetched('frost[melt]==1.2.post3; python_version >= "3.0"') == ["frost==1.2.post3", "thaw==1.0"]
    assert fetched('frost==1.2.post3; python_version < "3.0"') == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Collecting nvidia-cublas-cu12==12.8 (from torch==2.13.0)", "nvidia-cublas-cu12"),
        ("  Obtaining dependency information for triton==3.7 from https://index/triton.whl.metadata", "triton"),
        (
            "  Downloading https://index/torch-2.13.0%2Bcu130-cp311-cp311-linux_x86_64.whl (900 MB)",
            "torch-2.13.0%2Bcu130",
        ),
        ("  Using cached torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl (192 MB)", None),
        ("Collecting tritonclient==2.0", None),
        ("Collecting torch==2.13.0", None),
    ],
)
def test_what_pip_says_of_an_index(line, found) -> None:
    assert gpu_builds.unasked_in(line) == found
