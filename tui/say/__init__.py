"""What is said of machines, pages and words, in sentences. No Textual."""
