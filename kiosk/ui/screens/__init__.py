"""One folder per family of screens; `choose` knows which view gets which."""
