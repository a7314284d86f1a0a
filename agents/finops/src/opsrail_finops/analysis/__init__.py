"""Pure reading and reckoning of costs; nothing here knows the bus."""
