"""The image of a package in the account's registry: pushed once a run, and known by its digest from then on."""

import base64
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlsplit

import docker.errors

from targets.aws.account import Account
from targets.aws.refusals import GONE, Refused, scrub
from targets.aws.tags import PREFIX, pairs, run_name, tags_of
from targets.contract import DeploymentError, Package
from targets.local import containers
from targets.packaging.engine import engine_errors


def push(account: Account, package: Package, run_id: str) -> str:
    """Have the image there; returns what it is pulled by, repository@digest. DeploymentError with the reason."""
    repository = repository_name(run_id, package.workload)
    make_repository(account, repository, run_id)
    tag = package.reference.rpartition(":")[2]
    registry, login = _registry(account)
    place = f"{registry}/{repository}"
    try:
        with closing(containers.engine()) as client, engine_errors(f"pushing image {package.reference}"):
            client.images.get(package.reference).tag(place, tag)
            try:
                digest = _push(client, place, tag, login)
            finally:
                if not account.emulated:  # an emulator runs what this engine has under the very name
                    client.images.remove(f"{place}:{tag}", noprune=True)
    except DeploymentError as error:  # in the engine's words: the registry's host has the account in it
        raise DeploymentError(scrub(str(error))) from error
    return f"{place}@{digest}"


def repository_name(run_id: str, workload: str) -> str:
    """Of one run and workload: all its targets share the image."""
    return f"{run_name(run_id)}/{workload}"


def make_repository(account: Account, name: str, run_id: str) -> None:
    """Make it, unless another target of the run has."""
    try:
        account.call("ecr", "create_repository", repositoryName=name, tags=pairs(tags_of(run_id)))
    except Refused as refused:
        if refused.code != "RepositoryAlreadyExistsException":
            raise


def list_repositories(account: Account) -> list[tuple[str, dict[str, str]]]:
    """Names of those that are called as ours are, with their tags."""
    found = account.pages("ecr", "describe_repositories", "repositories")
    ours = [each for each in found if each["repositoryName"].startswith(PREFIX)]
    return [(each["repositoryName"], _tags(account, each["repositoryArn"])) for each in ours]


def remove_repository(account: Account, name: str) -> None:
    """With all of its images; fine when it is gone."""
    if account.emulated:
        _forget(f"{_host(account)}/{name}")
    try:
        account.call("ecr", "delete_repository", repositoryName=name, force=True)
    except Refused as refused:
        if refused.code not in GONE:
            raise


def _tags(account: Account, arn: str) -> dict[str, str]:
    try:
        told = account.call("ecr", "list_tags_for_resource", resourceArn=arn)["tags"]
    except Refused as refused:  # somebody removed it meanwhile
        if refused.code in GONE:
            return {}
        raise
    return {tag["Key"]: tag["Value"] for tag in told}


def _registry(account: Account) -> tuple[str, dict[str, str]]:
    """The registry's host, and what the engine logs in with: kept in memory only."""
    data = account.call("ecr", "get_authorization_token")["authorizationData"][0]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    host = _host(account) if account.emulated else urlsplit(data["proxyEndpoint"]).netloc
    return host, {"username": user, "password": password}


def _host(account: Account) -> str:
    """Of an emulator: its registry listens where all of it does."""
    return urlsplit(account.url("ecr")).netloc


def _forget(place: str) -> None:
    """Take this name from the engine's images, where one answers; they stay under their own."""
    with suppress(DeploymentError), closing(containers.engine()) as client, engine_errors(f"forgetting {place}"):
        for image in client.images.list(name=place):
            for name in (*image.tags, *image.attrs.get("RepoDigests", [])):
                if name.startswith(place):
                    with suppress(docker.errors.ImageNotFound):  # its digest goes with its last tag
                        client.images.remove(name, noprune=True)


def _push(client: Any, place: str, tag: str, login: dict[str, str]) -> str:
    """The digest of what was pushed. The engine tells faults among its lines, and raises nothing."""
    digest = ""
    for line in client.api.push(place, tag=tag, auth_config=login, stream=True, decode=True):
        if "error" in line:
            raise DeploymentError(f"the image could not be pushed to the registry: {line['error']}")
        digest = (line.get("aux") or {}).get("Digest", digest)
    if not digest:
        raise DeploymentError("the image was pushed, and the engine told no digest of it: run it again")
    return digest
