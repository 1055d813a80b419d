"""A platform far away: another clock, a log that it keeps to itself and mails late, rules of its own.

It runs in a process of its own (`python -m tests.fakes.far FOLDER`) and is spoken to over HTTPS or HTTP. What it really
did goes into a folder that a deployment may name, where nobody but a test looks.
"""
