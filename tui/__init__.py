"""Everything that faces a person: command line, plain text and screen."""
