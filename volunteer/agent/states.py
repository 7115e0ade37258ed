"""What a host is doing, for people who look at it."""

import enum


class State(enum.StrEnum):
    """One at a time."""

    attaching = "attaching"
    asking = "asking for work"
    idle = "waiting for work"
    paused = "paused"
    downloading = "downloading"
    training = "training"
    delivering = "delivering"
    no_room = "out of disk space"
    waiting_for_server = "waiting for the server"
    stopped = "stopped"
