"""Ports for stacks beside the one that a person has started."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import ExitStack

from infra.local_stack.settings import LocalStackSettings

_ADDRESSES = {"kafka_bootstrap_servers": "127.0.0.1:{}", "s3_endpoint_url": "http://127.0.0.1:{}"}
_NAMES = [*_ADDRESSES, *(name for name in LocalStackSettings.model_fields if name.endswith("_port"))]


def with_ports(settings: LocalStackSettings, ports: Sequence[int]) -> LocalStackSettings:
    """These settings, with every server on a port of its own."""
    own = dict(zip(_NAMES, ports, strict=False))
    return settings.model_copy(
        update={name: _ADDRESSES[name].format(port) if name in _ADDRESSES else port for name, port in own.items()}
    )


def ports_from(first: int) -> Sequence[int]:
    """As many ports as a whole stack takes, side by side."""
    return range(first, first + len(_NAMES))


def free_ports(count: int = len(_NAMES)) -> list[int]:
    """Ports that nobody listens on, for a whole stack unless told otherwise; each is another one."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in listeners]
