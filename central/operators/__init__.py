"""How operators prove who they are: sessions, passwords, second factors, tries slowed down."""
