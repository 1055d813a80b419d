"""What a run leaves on disk, readable in two years: nouns, columns, the run folder, estimates."""
