"""The central server: what every location syncs with whenever it is reachable."""
