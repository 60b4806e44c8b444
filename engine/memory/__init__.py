"""What memory is: blocks, zones, spans, struct pages, and the pages that are free."""
