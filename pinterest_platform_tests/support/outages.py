"""Kills a server of the stack by its pid; the stack starts it again."""

from __future__ import annotations

from infra.local_stack.stack import LocalStack


def kill_server(stack: LocalStack, name: str) -> None:
    """kill -9, and wait until it is gone; `stack.start([name])` brings it back."""
    process = stack.process(name)
    assert process, f"{name} does not run"
    process.kill()
    process.wait(timeout=10)
