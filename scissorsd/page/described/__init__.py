"""The addresses of the page, described for programs: one table, and openapi.json made of it."""
