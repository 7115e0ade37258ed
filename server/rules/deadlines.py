"""Leases: how long a host has, how often it must show life."""

LEAST_LEASE = 30.0
LEASE_FACTOR = 5.0
MISSED_HEARTBEATS = 3
MIN_HEARTBEAT, MAX_HEARTBEAT = 1.0, 30.0


def lease_seconds(expected: float, limit: float, download: float = 0.0) -> float:
    """About five times the expected time and what the download takes, between 30 s and the project's limit."""
    return min(max(LEAST_LEASE, LEASE_FACTOR * expected + download), max(limit, LEAST_LEASE))


def heartbeat_seconds(expected: float) -> float:
    """Every quarter of a unit, between 1 and 30 s."""
    return min(max(MIN_HEARTBEAT, expected / 4), MAX_HEARTBEAT)


def silence_seconds(heartbeat: float) -> float:
    """A host that missed three heartbeats is gone; never under 5 s, for one slow request is no death."""
    return max(MISSED_HEARTBEATS * heartbeat, 5.0)
