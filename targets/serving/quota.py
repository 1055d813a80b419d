"""What a function's reply may be, for those that send it and those that take it."""

MAX_REPLY_BYTES = 6_291_556
"""Of an answer, as AWS Lambda says it in its error."""
