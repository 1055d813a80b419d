"""The highest rate that one unit serves within an objective: searched by stored runs, kept in a file of its own."""
