"""What keys mean: the actions, the keys in force, and where they act."""
