"""The demo: a kiosk, its simulated bank and its server, on one machine for who tries it."""
