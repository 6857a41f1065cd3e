"""The API for carriers and shops: announce, follow, cancel, extend; the nearest location."""
