"""The command line: one command a file. It takes arguments apart and prints; what is computed is computed elsewhere."""
