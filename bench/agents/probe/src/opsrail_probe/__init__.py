"""The smallest agent that does something: an event asks for a run, the run says when it began. For benches."""
