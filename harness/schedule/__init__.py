"""Measuring again every quarter: what, when, who starts it, and what has changed meanwhile."""
