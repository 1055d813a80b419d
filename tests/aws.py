"""AWS's side of a signed request, by botocore: what its signer writes, and whether a request that came is signed so."""

import datetime
from unittest import mock

import botocore.auth
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

NOT_GIVEN = frozenset({"host", "content-length", "authorization", "x-amz-date", "x-amz-security-token"})
"""Headers that botocore writes itself, when it signs or afterwards."""


def moment_of(date):
    return datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)


def headers_in(head):
    """Of a request's head as text; names in lower case."""
    lines = [line.partition(": ") for line in head.split("\r\n")[1:] if line]
    assert len({name.lower() for name, _, _ in lines}) == len(lines), head
    return {name.lower(): value for name, _, value in lines}


def signed_by_botocore(method, url, headers, body, keys, service, region, date):
    """The headers that botocore's signer adds to this request at that date, names in lower case."""
    request = AWSRequest(method, url, {name: value for name, value in headers.items() if name not in NOT_GIVEN}, body)
    with mock.patch.object(botocore.auth, "get_current_datetime", lambda: moment_of(date)):
        SigV4Auth(Credentials(*keys), service, region).add_auth(request)
    added = {name.lower(): value for name, value in request.headers.items()}
    return {name: added[name] for name in ("authorization", "x-amz-date", "x-amz-security-token") if name in added}


def is_signed(scheme, head, body, keys, service, region):
    """Whether what a server got is signed by these keys, for the host and with the headers that it names."""
    (method, target), headers = head.split(" ", 2)[:2], headers_in(head)
    names = set(headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";"))
    given = {name: value for name, value in headers.items() if name in names}
    url, date = f"{scheme}://{headers['host']}{target}", headers["x-amz-date"]
    expected = signed_by_botocore(method, url, given, body, keys, service, region, date)
    return expected == {name: headers[name] for name in expected} and ("x-amz-security-token" in headers) == bool(
        keys[2]
    )
