"""Outside systems, one client each."""
