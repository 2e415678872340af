"""The commands behind the Makefile: each starts, queries or stops the local stack and reports to the terminal."""
