"""One file per event that is listened to."""
