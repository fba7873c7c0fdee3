"""One module a file format: bytes in, rows out. No module here touches a file, a clock or a setting."""
