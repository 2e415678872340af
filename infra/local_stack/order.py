"""Runs work in the order of dependencies, in parallel where possible."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

Graph = Mapping[str, Iterable[str]]  # a name and the names that come before it


def in_order(graph: Graph, work: Callable[[str], None], given_up: threading.Event) -> None:
    """Calls `work` with each name, after everything before it is done.

    On the first exception, or Ctrl-C, sets `given_up`, waits for the work that has begun, and raises it again. Work
    should end early once `given_up` is set.
    """
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    with ThreadPoolExecutor(max(1, len(graph))) as pool:
        running: dict[Future[None], str] = {}
        try:
            while sorter.is_active():
                running.update({pool.submit(work, name): name for name in sorter.get_ready()})
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    future.result()
                    sorter.done(running.pop(future))
        except BaseException:
            given_up.set()
            raise


def closure(graph: Graph, names: Iterable[str]) -> set[str]:
    """These names and everything that must come before them."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(graph[name])
    return found


def reversed_graph(graph: Graph) -> dict[str, list[str]]:
    """The graph with every dependency reversed."""
    return {name: [other for other, before in graph.items() if name in before] for name in graph}
