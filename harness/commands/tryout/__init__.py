"""`frostline try`: one start of a workload and each payload twice, told at once; nothing of it is a measurement."""
