"""Another release of this program: fetched, checked, rehearsed, handed over; not in a visit."""
