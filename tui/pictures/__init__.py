"""Drawn screens as values and files: text, SVG, HTML, screencasts."""
