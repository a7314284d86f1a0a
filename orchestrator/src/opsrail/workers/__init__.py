"""Background loops, one file each. Every replica runs them all; they share work through the bus and the database."""
