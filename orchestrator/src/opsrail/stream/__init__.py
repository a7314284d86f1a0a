"""Live views: hints that something changed, and server-sent events with exact resume."""
