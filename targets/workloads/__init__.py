"""One file per model; importing one is cheap, only load() imports what is heavy."""
