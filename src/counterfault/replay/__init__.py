"""The replay session and what it stands on. No I/O, no clock, no chance."""
