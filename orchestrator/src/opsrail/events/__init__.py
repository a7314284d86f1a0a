"""Facts: storing, listing, publishing, retention."""
