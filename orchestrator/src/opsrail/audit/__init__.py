"""Who did what, why, by which decision and how it ended: append-only, hash-chained per organisation."""
