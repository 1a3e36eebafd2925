"""How GitHub writes things in JSON: field names and types as in its REST documentation."""
