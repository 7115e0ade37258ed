"""Which of Linux's system calls a process that only computes has no use for, by their numbers. Data, no code."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Machine:
    """`audit`: the architecture's number in seccomp's data; `column` of the numbers below."""

    audit: int
    column: int


MACHINES = {"x86_64": Machine(0xC000003E, 0), "aarch64": Machine(0xC00000B7, 1)}

Numbers = dict[str, tuple[int | None, int | None]]

# (x86-64, aarch64), from the kernel's tables; None: the architecture has no such call.
NETWORK: Numbers = {
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202),
    "accept4": (288, 242), "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269),
    # It does by itself what the others forbid.
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
}  # fmt: skip
PROGRAMS: Numbers = {
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440),
    "process_mrelease": (448, 448), "kcmp": (312, 272), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "tkill": (200, 130), "setpriority": (141, 140), "ioprio_set": (251, 30),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "migrate_pages": (256, 238), "move_pages": (279, 239),
    # Memory and messages shared by all programs of a user: a desktop's pictures pass through there.
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "msgget": (68, 186), "msgsnd": (69, 189),
    "msgrcv": (70, 188), "msgctl": (71, 187), "semget": (64, 190), "semop": (65, 193), "semtimedop": (220, 192),
    "semctl": (66, 191), "mq_open": (240, 180), "mq_unlink": (241, 181),
}  # fmt: skip
FILES: Numbers = {
    # What Landlock does not see: it guards contents, not modes, owners, times and watches.
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "setxattrat": (463, 463), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "fremovexattr": (199, 16), "removexattrat": (466, 466), "file_setattr": (469, 469), "utime": (132, None),
    "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88), "truncate": (76, 45),
    "inotify_init": (253, None), "inotify_init1": (294, 26), "inotify_add_watch": (254, 27),
    "fanotify_init": (300, 262), "fanotify_mark": (301, 263), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
}  # fmt: skip
SYSTEM: Numbers = {
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "move_mount": (429, 429),
    "open_tree": (428, 428), "open_tree_attr": (467, 467), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "setns": (308, 268),
    "unshare": (272, 97), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89),
    "quotactl": (179, 60), "quotactl_fd": (443, 443), "syslog": (103, 116), "iopl": (172, None),
    "ioperm": (173, None), "modify_ldt": (154, None), "personality": (135, 92), "vhangup": (153, 58),
    "lookup_dcookie": (212, 18), "nfsservctl": (180, 42), "uselib": (134, None), "sysfs": (139, None),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
    "sethostname": (170, 161), "setdomainname": (171, 162),
}  # fmt: skip

FORBIDDEN: Numbers = {**NETWORK, **PROGRAMS, **FILES, **SYSTEM}

# Allowed to a process upon itself only: their first argument is a process.
UPON_ITSELF: Numbers = {
    "kill": (62, 129), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
}  # fmt: skip
# The same, but 0 means the caller.
UPON_ITSELF_OR_0: Numbers = {"prlimit64": (302, 261), "sched_setaffinity": (203, 122)}

# Allowed, but for these values of the second argument. The kernel sends a file's owner, whoever that is made to be, a
# signal of the file's choice: another way to kill.
FCNTL: Numbers = {"fcntl": (72, 25)}
OWNERS_BY_FCNTL = {"F_SETOWN": 8, "F_SETSIG": 10, "F_SETOWN_EX": 15}
IOCTL: Numbers = {"ioctl": (16, 29)}
OWNERS_BY_IOCTL = {"FIOSETOWN": 0x8901, "SIOCSPGRP": 0x8902}

CLONE: Numbers = {"clone": (56, 220)}
CLONE3: Numbers = {"clone3": (435, 435)}
SOCKETPAIR: Numbers = {"socketpair": (53, 199)}
SECCOMP: Numbers = {"seccomp": (317, 277)}


def numbers(calls: Numbers, machine: Machine) -> list[int]:
    """Those that the machine has."""
    return [number for pair in calls.values() if (number := pair[machine.column]) is not None]
