"""The exception of everything that a person starts from the command line. Caught at the edge, in `__main__`."""

from __future__ import annotations


class StackError(Exception):
    """The command cannot be carried out. The text says what is wrong and what to do, in sentences for the user."""
