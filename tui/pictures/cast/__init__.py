"""Screencasts: a session or a scenario as an asciicast."""
