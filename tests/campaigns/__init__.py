"""A small shop and its agents, for the tests of campaigns."""
