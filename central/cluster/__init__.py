"""A whole cluster of servers: on this machine to try it, or its files for one machine each."""
