"""Public price lists of the providers: how they are reached, and what is taken from each."""
