"""What lies over the main screen and takes the keys: to read, to type into, to choose from."""
