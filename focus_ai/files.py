"""Files that somebody keeps are replaced as a whole: out of room or killed, the old one stands, not half a new one.
Names of files as text."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

# The folder takes no new file, or the file is mounted by itself: it can only be written where it is.
_IN_PLACE = (errno.EACCES, errno.EPERM, errno.EBUSY)


def shown(name: object) -> str:
    """A file name as text: bytes that are not UTF-8 (names of older systems) are shown as escapes."""
    return text if (text := str(name)).isascii() else os.fsencode(text).decode("utf-8", "backslashreplace")


def write_whole(path: Path, text: str, *, errors: str = "strict") -> None:
    """Write beside the file first, then over it; its folder is made. A link is followed, and what is no file (a pipe,
    /dev/null) takes the text as it is. Raises `OSError`."""
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8", errors=errors)
        return
    target = path.resolve() if path.is_symlink() else path
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".focus-ai-{os.getpid()}.new")
    try:
        fresh.write_text(text, encoding="utf-8", errors=errors)
        if target.exists():
            shutil.copymode(target, fresh)
        fresh.replace(target)
    except OSError as error:
        if error.errno not in _IN_PLACE or not target.exists():
            raise
        target.write_text(text, encoding="utf-8", errors=errors)
    finally:
        fresh.unlink(missing_ok=True)
