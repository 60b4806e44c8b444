"""Scenario files and the claims in them; the shipped ones are in ``shipped/``."""
