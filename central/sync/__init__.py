"""The contract with the kiosks: enrolment, the sync of journals, commands."""
