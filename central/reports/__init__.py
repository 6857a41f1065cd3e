"""What happened, by day, location and carrier, from what was counted when it happened."""
