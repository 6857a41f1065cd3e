"""What a shell says to a kiosk: the command socket, the report, announcements from CSV."""
