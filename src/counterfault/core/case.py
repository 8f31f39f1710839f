"""What an oracle is given: a recording, a mutant, an attempt, and what is accepted; with the analyses that they share."""
