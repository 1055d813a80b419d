"""Whatever AWS, its tools or an engine say: no account, no ARN and no key is left of it, and the rest is as it was."""

import json
import re

from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from targets.aws.refusals import refusal_of, scrub

ACCOUNTS = st.from_regex(r"[0-9]{12}", fullmatch=True)
KEYS = st.from_regex(r"(AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}", fullmatch=True)
ARNS = st.builds(
    "arn:aws{}:{}:{}:{}:{}".format,
    st.sampled_from(["", "-cn", "-us-gov"]),
    st.sampled_from(["iam", "lambda", "ecs"]),
    st.sampled_from(["", "eu-west-1"]),
    ACCOUNTS,
    st.from_regex(r"[a-z]{1,8}[:/][A-Za-z0-9+=.@_/-]{1,30}", fullmatch=True),
)
HOSTS = st.builds("{}.dkr.ecr.eu-west-1.amazonaws.com/frostline-0123abcd/echo".format, ACCOUNTS)
LOGINS = st.builds("https://user:{}@example.com/x".format, st.from_regex(r"[a-z!$*]{8,20}", fullmatch=True))
SECRETS = st.one_of(ACCOUNTS, KEYS, ARNS, HOSTS, LOGINS)
PLAIN = st.text("abcxyzABC _-.,:;'\"()[]{}<>=\n\t#é", max_size=20)
"""What may stand beside a secret: no digit, which would make another number of an account."""
TOLD = re.compile(r"[0-9]{12}|(AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12}|arn:aws")


@st.composite
def sayings(draw):
    """Secrets among plain words, and the secrets."""
    secrets = draw(st.lists(SECRETS, min_size=1, max_size=4))
    words = [" " + word for word in draw(st.lists(PLAIN, min_size=len(secrets), max_size=len(secrets)))]
    return "".join(part for pair in zip(words, secrets, strict=True) for part in pair), secrets


@given(sayings())
def test_nothing_that_names_an_account_is_left(saying):
    text, secrets = saying
    told = scrub(text)
    assert not TOLD.search(told), told
    assert [secret for secret in secrets if secret in told] == []
    assert "user:" not in told


@given(sayings())
def test_twice_is_once(saying):
    told = scrub(saying[0])
    assert scrub(told) == told


@given(st.text("abcxyz 0123456789/:.-_(){}", max_size=200).filter(lambda text: not re.search(r"\d{12}|\d-\d", text)))
def test_all_else_stays(text):
    assert scrub(text) == text


@given(ACCOUNTS, ACCOUNTS)
def test_two_accounts_are_told_apart_and_one_is_recognised(one, other):
    assert (scrub(f"account {one}") == scrub(f"account {other}")) == (one == other)


@given(sayings(), st.sampled_from(["AccessDenied", "LimitExceeded", "Other", "", "OptInRequired", "ExpiredToken"]))
def test_no_refusal_tells_either(saying, code):
    error = ClientError({"Error": {"Code": code, "Message": saying[0]}}, "CreateFunction")
    refused = refusal_of(error, "lambda", "create_function", "eu-west-1")
    stored = json.dumps({"problem": str(refused)}, ensure_ascii=False)
    assert not TOLD.search(stored) and [secret for secret in saying[1] if secret in stored] == []
    assert "lambda:CreateFunction" in stored or code not in ("AccessDenied", "Other", "")
