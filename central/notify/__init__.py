"""Messages to people: the outbox, its worker, and the ways out."""
