"""Room that is kept for a package that is not announced yet: soft in the count, hard at a door."""
