"""What runs inside a replica or a sandbox: the same core behind a server and behind a function handler."""
