"""The terminal itself: what it can do, its signals, a line before there is a screen."""
