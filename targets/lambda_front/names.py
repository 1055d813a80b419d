"""What a function may be called: by its name, a partial or a whole ARN, each with a version or an alias."""

import re
from functools import lru_cache
from urllib.parse import parse_qs, unquote

from targets.lambda_front.refusal import Refused, invalid, not_satisfied

PATH = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
REGION = r"(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d"
NAME = re.compile(
    rf"(?:arn:(?P<partition>aws[a-zA-Z-]*)?:lambda:)?(?:(?P<region>{REGION}):)?(?:(?P<account>\d{{12}}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9._-]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9_-]+))?"
)
QUALIFIER = re.compile(r"[a-zA-Z0-9$._-]+")
LONGEST_NAME, LONGEST_ARN, LONGEST_QUALIFIER = 64, 256, 128
LATEST = "$LATEST"
HERE = {"partition": "aws", "region": "us-east-1", "account": "000000000000"}
"""What the ARN of a function is said to be where the caller gave none."""


@lru_cache(maxsize=256)
def check_target(target: str, function: str) -> Refused | None:
    """None where the path and query of an Invoke name `function` as it is, else the refusal; LookupError where this is
    no Invoke at all."""
    path, _, query = target.partition("?")
    match = PATH.fullmatch(path)
    if match is None:
        raise LookupError(path)
    try:
        _check(unquote(match[1]), parse_qs(query, keep_blank_values=True).get("Qualifier", [""])[0], function)
    except Refused as refused:
        return refused
    return None


def _check(given: str, asked: str, function: str) -> None:
    match = NAME.fullmatch(given)
    if match is None:
        raise not_satisfied("functionName", given, "regular expression pattern: the name or ARN of a function")
    if len(given) > LONGEST_ARN or len(match["name"]) > LONGEST_NAME:
        raise not_satisfied(
            "functionName", given, f"length: at most {LONGEST_NAME} for a name, {LONGEST_ARN} for an ARN"
        )
    if asked and (len(asked) > LONGEST_QUALIFIER or not QUALIFIER.fullmatch(asked)):
        raise not_satisfied("qualifier", asked, "regular expression pattern: a version, an alias or $LATEST")
    named = match["qualifier"]
    if named and asked and named != asked:
        raise invalid("The derived qualifier from the function name does not match the specified qualifier.")
    qualifier = asked or named
    if match["name"] != function or qualifier not in (None, "", LATEST):
        arn = {key: match[key] or there for key, there in HERE.items()}
        place = f"arn:{arn['partition']}:lambda:{arn['region']}:{arn['account']}:function:{match['name']}"
        message = f"Function not found: {place}{f':{qualifier}' if qualifier else ''}"
        raise Refused(404, "ResourceNotFoundException", f"{message}; this front serves {function}, {LATEST}")
