"""A small project as a user would have it: a support desk, two agents that work it, and their recorded runs."""
