"""`frostline load`: any HTTP or HTTPS endpoint, our schedules, our clock."""
