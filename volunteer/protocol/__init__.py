"""Shared: the wire: versions, endpoints, messages, tensors, refusals. Knows neither Flask nor requests."""
