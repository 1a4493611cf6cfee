"""Questions in words, one family a file. Each is made from tables and logic, so that what is right follows."""
