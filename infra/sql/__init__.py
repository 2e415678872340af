"""`make sql`: questions to both layers at once, on a command line."""
