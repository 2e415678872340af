from __future__ import annotations

import threading

import pytest

from infra.local_stack.order import closure, in_order, reversed_graph

GRAPH = {"kafka": [], "postgres": [], "api": ["kafka"], "daemon": ["api", "postgres"]}


def test_everything_happens_after_what_it_depends_on() -> None:
    done: list[str] = []

    in_order(GRAPH, done.append, threading.Event())

    assert sorted(done) == sorted(GRAPH)
    assert all(done.index(before) < done.index(name) for name, others in GRAPH.items() for before in others)


def test_what_is_independent_happens_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=5)

    def meet(_: str) -> None:
        both.wait()

    in_order({"kafka": [], "postgres": []}, meet, threading.Event())


def test_a_failure_stops_what_comes_after_and_tells_what_is_under_way() -> None:
    given_up = threading.Event()
    done: list[str] = []

    def work(name: str) -> None:
        if name == "kafka":
            raise ValueError(name)
        assert given_up.wait(5)
        done.append(name)

    with pytest.raises(ValueError, match="kafka"):
        in_order(GRAPH, work, given_up)

    assert done == ["postgres"]


def test_a_server_brings_what_it_depends_on() -> None:
    assert closure(GRAPH, ["api"]) == {"api", "kafka"}
    assert closure(GRAPH, ["daemon"]) == set(GRAPH)


def test_stopping_is_the_reverse() -> None:
    assert reversed_graph(GRAPH) == {"kafka": ["api"], "postgres": ["daemon"], "api": ["daemon"], "daemon": []}
