"""Replies that are texts: requests, commitments, and the replay of every draw."""
