"""The operators' pages: what happens at all lockers, and what can be done about it.

Plain pages that work without the internet; htmx only refreshes parts of them. Each action is a form
of its own, answered by a redirect, with a line in the audit log.
"""
