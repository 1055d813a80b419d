"""What the numbers mean for the question: scorecard, recommendation, and their history."""
