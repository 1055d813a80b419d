"""The commands of `frostline`, each a few lines over the rooms that do the work."""
