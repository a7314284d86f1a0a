"""Pure functions over what the platforms answer."""
