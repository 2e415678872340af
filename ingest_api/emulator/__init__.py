"""The emulator: generates pins and posts them to the ingest API like any client."""
