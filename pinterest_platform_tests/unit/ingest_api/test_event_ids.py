from __future__ import annotations

import uuid

from ingest_api.event_ids import EventIds


def test_ids_are_distinct_random_uuids_in_their_usual_spelling() -> None:
    new_event_id = EventIds()
    ids = [new_event_id() for _ in range(2_000)]
    assert len(set(ids)) == 2_000
    for event_id in ids:
        read = uuid.UUID(event_id)
        assert (str(read), read.version, read.variant) == (event_id, 4, uuid.RFC_4122)
