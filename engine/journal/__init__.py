"""Sessions that survive: every command on disk before it is shown."""
