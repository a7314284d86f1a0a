"""Files that runs stored: their rows, their bytes, their end."""
