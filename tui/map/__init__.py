"""The map as numbers: where it looks, what each cell is, how the cursor moves. No Textual."""
