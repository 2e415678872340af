"""The emulator: invented pins, posted through the ingest API as any client would."""
