"""A month of traffic from measured distributions and pure rules of platforms: no clock, no engine."""
