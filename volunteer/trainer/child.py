"""The entry of the child process that computes. It has no token, and no network where the system allows that.

Run as `python -I -m volunteer.trainer.child` by `volunteer.trainer.process`.
"""

from volunteer.children.entry import start
from volunteer.trainer.isolation import leave_network


def main() -> None:
    """Serve until the parent ends."""
    # numpy starts threads when it is imported, and a process with threads cannot leave its network.
    leave_network()
    channel = start()
    from volunteer.trainer.worker import Worker

    Worker(channel).run()


if __name__ == "__main__":
    main()
