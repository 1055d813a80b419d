"""How platforms decide to start and stop units: pure, told the time and never reading it, of the standard library."""
