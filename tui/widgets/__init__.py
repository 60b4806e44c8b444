"""What paints: each widget draws its lines from a view, and is tested as text."""
