"""Whom people have named to fetch a package for them."""
