"""A person's settings, and where the program keeps things."""
