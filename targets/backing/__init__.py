"""Servers that a deployment needs beside its units: real ones, started and removed with it."""
