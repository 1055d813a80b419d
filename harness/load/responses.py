"""What came back for a request that its sender carried out itself, in the place of what a connection of ours reads."""

from harness.load.parser import MOST_KEPT, Exchange, too_long
from harness.load.replies import Body
from harness.load.route import Route
from harness.load.senders.contract import Response


def take(response: Response, exchange: Exchange, route: Route, done_ns: int) -> None:
    """Fill an exchange that was sent. When its first byte came nobody has seen. TooLong where it cannot be kept."""
    endpoint, headers = route.endpoint, response.headers
    exchange.status, exchange.size, exchange.done_ns = response.status, len(response.body), done_ns
    exchange.header_value, exchange.request_id, exchange.content_type, exchange.location = (
        headers.get(name.lower(), "").encode("latin-1", "replace")
        for name in (endpoint.kept_header, endpoint.request_id_header, "content-type", "location")
    )
    if not route.keep:
        return
    if exchange.size > MOST_KEPT:
        raise too_long()
    if response.body:
        exchange.body = Body.of(response.body)
