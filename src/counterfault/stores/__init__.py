"""Where traces, plans, attempts and judgements are kept: one store a file."""
