"""Picture files: untrusted bytes to arrays, arrays to a cutout, arrays to bytes."""
