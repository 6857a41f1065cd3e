"""What happened, row by row, for who reads it outside: a data warehouse, another region."""
