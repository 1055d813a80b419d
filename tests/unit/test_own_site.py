"""This machine's own packages in place of fetched ones: what serves, and what is not as pinned, is told."""

import os
from types import SimpleNamespace

import pytest

from targets.contract import DeploymentError, Order, Sizing
from targets.local import processes
from targets.packaging.own_site import SITE_VARIABLE
from targets.workloads.contract import Wheel
from targets.workloads.echo import WORKLOAD

PINS = ("torch==2.13.0", "numpy==2.4.6", "typing_extensions==4.16.0", "accelerate[all]==1.0; sys_platform > ''")
PROBE = SimpleNamespace(
    name="echo", requirements=PINS, models=(Wheel("a-model", "0.1.0", ("0" * 64,)),), model_files=WORKLOAD.model_files
)


def put(folder, **versions):
    for name, version in versions.items():
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder


def test_folders_of_packages_serve_and_nothing_is_fetched(tmp_path, monkeypatch):
    first = put(tmp_path / "first", torch="2.11.0", uvicorn="0.54.0", httptools="0.9.0")
    second = put(tmp_path / "second", torch="1.0", numpy="2.4.6", Typing_Extensions="4.16.0", A_model="0.1.0")
    monkeypatch.setenv(SITE_VARIABLE, os.pathsep.join([str(first), str(second)]))
    monkeypatch.setattr(processes, "build_site", lambda *_: pytest.fail("nothing is to be fetched"))
    said: list[str] = []
    package = processes.package(PROBE, None, said.append)
    assert package.facts["own_site"] == [str(first), str(second)]
    assert package.facts["not_as_pinned"] == {"accelerate": "none for 1.0", "torch": "2.11.0 for 2.13.0"}
    there = ["torch==2.11.0", "numpy==2.4.6", "typing_extensions==4.16.0", "a-model==0.1.0"]
    assert package.facts["packages"] == sorted([*there, "uvicorn==0.54.0", "httptools==0.9.0"])
    assert said == [
        f"OWN PACKAGES: echo runs with those of {first}:{second} ({SITE_VARIABLE}), which are not as pinned: "
        "accelerate none for 1.0, torch 2.11.0 for 2.13.0"
    ]
    path = processes.serving_environment(package, Order("run", Sizing(512, 1.0)))["PYTHONPATH"]
    assert path.split(os.pathsep)[1:] == [str(first), str(second)]
    before = package.facts["site"]
    put(second, another="1.0")
    assert processes.package(PROBE, None, said.append).facts["site"] != before, "another package makes another site"


def test_what_is_no_folder_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv(SITE_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(DeploymentError, match=rf"^{SITE_VARIABLE}: .*none is no folder: name folders of packages$"):
        processes.package(PROBE, None, print)
