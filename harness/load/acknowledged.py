"""What the kernel knows of a TCP connection: whether it is closed, and how much of what was sent the other side has."""

import socket
import struct
from typing import Any, NamedTuple

ESTABLISHED, CLOSED = 1, 7
"""States of a connection on Linux."""
STATE_AT, ACKED_AT, TRIP_AT = 0, 120, 148
"""In its struct tcp_info: tcpi_state, of a byte, tcpi_bytes_acked, of eight, and tcpi_min_rtt, of four."""
ACKED, TRIP = struct.Struct("=Q"), struct.Struct("=I")
SIZE = 192


class Acknowledged(NamedTuple):
    """A connection that we opened, as the kernel sees it at this moment."""

    state: int
    data: int
    """Bytes that the other side's kernel has taken."""
    trip_ns: int
    """The shortest way there and back that was seen."""


def acknowledged(connection: Any) -> Acknowledged | None:
    """What the kernel says of a connected socket; None where it says nothing of it."""
    if not hasattr(socket, "TCP_INFO"):
        return None
    try:
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, SIZE)
    except OSError:
        return None
    if len(told) < TRIP_AT + TRIP.size:
        return None
    (acked,) = ACKED.unpack_from(told, ACKED_AT)
    (trip_us,) = TRIP.unpack_from(told, TRIP_AT)
    return Acknowledged(told[STATE_AT], acked - 1, trip_us * 1000)  # the first one stood for the opening
