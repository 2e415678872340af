"""The platform's tests: `unit` needs no servers, `integration` starts real ones, `end_to_end` runs `make run`."""
