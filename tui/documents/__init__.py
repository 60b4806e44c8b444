"""Machines, steps and differences as JSON documents, with their schemas."""
