"""The local stack's exception, which `infra.command_line` shows as a message."""

from __future__ import annotations


class StackError(Exception):
    """The command cannot be carried out. The text says what is wrong and what to do, in sentences for the user."""
