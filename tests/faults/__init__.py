"""What happens when the disk, the terminal or the environment fails."""
