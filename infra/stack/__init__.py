"""The local stack: every part as a process of its own, started, watched and stopped as one."""
