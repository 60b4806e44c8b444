"""Everything that faces a person: command line, plain text and screen."""

__version__ = "0.1.0"
