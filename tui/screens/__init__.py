"""What listens to keys: the main screen, its acts, and the dialogs above it."""
