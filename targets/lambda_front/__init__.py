"""The local Lambda: an AWS-Invoke-compatible front that owns a pool of one-request-at-a-time sandboxes."""
