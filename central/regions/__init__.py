"""Several regions: which location is of which, and what happened in all of them put together."""
