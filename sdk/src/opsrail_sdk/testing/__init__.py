"""For tests of agents: a real server, a harness that runs an agent against it, plain contexts, a clock."""
