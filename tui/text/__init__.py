"""Plain text for mail: ASCII, at most 72 columns, one fact a line."""
