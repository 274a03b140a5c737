"""Words to systemd, by its notify protocol (sd_notify(3)), where it asked for them."""

import os
import socket
import time
from collections.abc import Mapping


def sd_notify(state: str) -> bool:
    """Tells systemd ``state`` ("READY=1", "STOPPING=1"...); whether it was told.

    Does nothing where no systemd asked for it, and fails silently.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):  # Linux' abstract namespace
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.setblocking(False)
        try:
            notify.sendto(state.encode(), address)
        except OSError:
            return False
    return True


def sd_reloading() -> bool:
    """Tells systemd that the configuration is being read anew; "READY=1" ends it."""
    return sd_notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


def watchdog_s(environ: Mapping[str, str]) -> float | None:
    """After how many silent seconds systemd kills this process; None: never."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    wanted = environ.get("WATCHDOG_USEC", "")
    return int(wanted) / 1_000_000 if wanted.isdecimal() and int(wanted) else None
