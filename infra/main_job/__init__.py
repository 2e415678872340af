"""The main job of `make run`: post pins, materialise the day, let the stream catch up, show the answers."""
