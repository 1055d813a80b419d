"""Decision records: written from a stored run, checked against it, and against the newest run of its experiment."""
