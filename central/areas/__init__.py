"""Areas: the tree that locations lie in, who has which role where, and what somebody may see."""
