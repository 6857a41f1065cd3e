"""Help for a location from a page: what a kiosk is asked to do, and the files that it sends."""
