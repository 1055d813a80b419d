"""What strangers wrote and what we write: strict JSON and YAML, whole files, lists of problems, harmless text."""
