"""Help to read: a topic is a file ``NAME.md`` of this folder; :mod:`.topics` reads them."""
