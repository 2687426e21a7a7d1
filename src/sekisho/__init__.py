"""A checkpoint for outbound mail from a provider's own subscriber lines."""
