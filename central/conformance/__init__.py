"""A carrier's developer sees every state and every fault of the API once, against a real server."""
