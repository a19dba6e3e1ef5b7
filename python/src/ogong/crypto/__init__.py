"""Signatures and hashes that the standard library lacks. They verify only: no secret passes through this code, so it need not run in constant time."""
