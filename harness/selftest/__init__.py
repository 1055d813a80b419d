"""Frostline measured against a truth that is known: what was commanded, what the engine says, what the ledger says."""
