"""The question: from YAML to an experiment to a seeded, interleaved plan of trials."""
