"""The addresses of the page, each with the function that answers it."""
