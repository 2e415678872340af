"""A server of the stack that goes away: ended by its pid, started again by the stack."""

from __future__ import annotations

import signal

from infra.local_stack.processes import wait_until_gone
from infra.local_stack.stack import LocalStack
from pinterest_platform_tests.support.waiting import wait_for


def kill_server(stack: LocalStack, name: str, how: signal.Signals = signal.SIGKILL) -> None:
    """Kill it, and wait until it is gone; `stack.start([name])` brings it back."""
    process = wait_for(lambda: stack.process(name), seconds=30)
    process.send_signal(how)
    assert not wait_until_gone([process], 20), f"{name} has survived {how.name}"
