"""Replies that are texts: what is asked for, what is committed, and how every draw is replayed."""
