"""What can happen to memory: one module for each kernel operation."""
