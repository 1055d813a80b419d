"""A device for the tests, with a clock of its own that no clock of the machine has to do with."""

OPERATION_NS = 1_250
LAUNCH_NS = 40_001


class Device:
    """Every launch and every operation takes the device the same time; nothing waits for it."""

    def __init__(self) -> None:
        self.clock_ns = 7_000_000_000_000

    def run(self, operations: int) -> int:
        """Do them, and return how many were done."""
        self.clock_ns += LAUNCH_NS + operations * OPERATION_NS
        return operations
