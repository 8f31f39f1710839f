"""Where attempts run: one executor a file."""
