"""The pipeline file: its model, its reading, its plan, its execution."""
