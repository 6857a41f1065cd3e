"""The directories of houses: who lives there, and how they are reached."""
