"""Wire models shared by agents and orchestrator: plain data, no I/O, nothing else of ours imported."""
