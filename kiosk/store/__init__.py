"""What the kiosk remembers: one SQLite database, written by one thread, in durable transactions."""
