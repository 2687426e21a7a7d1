"""Measuring: what gates have counted, minute by minute, and what of it may be published."""
