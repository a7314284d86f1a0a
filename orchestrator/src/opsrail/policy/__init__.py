"""Whether a wish may become an effect: Cedar policies, their versions, tests and replays, and every decision made."""
