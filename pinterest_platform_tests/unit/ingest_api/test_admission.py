from __future__ import annotations

import pytest

from ingest_api.admission import Admission, NoRoomError, TooBusyError


def test_events_are_let_in_until_the_limit_and_again_when_others_are_answered() -> None:
    admission = Admission(event_limit=10, byte_limit=0)
    admission.take_in(7)
    with pytest.raises(TooBusyError, match="7 events are already waiting"):
        admission.take_in(4)
    admission.let_go(7)
    admission.take_in(10)
    assert admission.events == 10


def test_batches_share_their_bytes_and_give_them_back_whatever_happens() -> None:
    admission = Admission(event_limit=0, byte_limit=100)
    with admission.batch() as first:
        first.grow(60)
        with admission.batch() as second:
            second.grow(40)
            with pytest.raises(NoRoomError):
                second.grow(1)
        first.grow(40)
    assert admission.batch_bytes == 0
