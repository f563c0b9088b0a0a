"""Call scenarios as code for Asterisk."""
