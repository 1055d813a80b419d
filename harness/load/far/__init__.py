"""Workers on other machines: they join Locust's master over the network, sealed by the run's token."""
