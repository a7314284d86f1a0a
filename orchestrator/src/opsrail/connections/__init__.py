"""Outside systems: their kinds, addresses and sealed secrets, and the cache that ingress reads."""
