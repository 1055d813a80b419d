"""`frostline new`: the first lines of a workload of one's own, and the pins of the packages that it needs."""
