"""Who is calling and what they may do: organisations, API tokens, scopes."""
