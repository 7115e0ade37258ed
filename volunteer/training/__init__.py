"""TensorFlow's room: builds the model from the plan, computes gradients.

Knows no network, no leases, no server.
"""
