"""One file per read."""
