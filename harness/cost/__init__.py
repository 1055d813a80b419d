"""What a run comes to in money: pure functions over stored runs and a price book."""
