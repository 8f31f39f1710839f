"""Fixed values, written out by hand, that several tests look at."""
