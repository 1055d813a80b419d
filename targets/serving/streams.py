"""The names of the queue's two streams and of what their entries hold: for whoever puts in, works off and collects.

A request stays in REQUESTS until its end is in ENDS: both change in one transaction, so that a worker that dies loses
nothing. Beyond that, Redis's own words: a consumer group gives each entry to one worker, and keeps it pending.
"""

QUEUE_VARIABLE = "FROSTLINE_QUEUE"
"""The queue's address, in a worker's environment."""
VISIBILITY_VARIABLE = "FROSTLINE_VISIBILITY_S"
DELIVERIES_VARIABLE = "FROSTLINE_MOST_DELIVERIES"

REQUESTS, ENDS, WORKERS = "requests", "ends", "workers"
BODY, ACCEPTED_NS = b"body", b"accepted_ns"
"""Of a request; its id is the queue's own."""
REQUEST, STATUS, DELIVERIES = b"request", b"status", b"deliveries"
"""Of an end, with its BODY: deliveries counts how often the request was given to a worker."""
