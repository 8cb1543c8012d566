"""Object-store inputs (s3://, gs://, abfs://, ...) are copied to the work folder, then read like any file.

pyarrow's file systems are tried first; a scheme that they do not know goes to fsspec (extra `remote`). Credentials
come from the environment of those libraries and are never written anywhere.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from focus_ai.errors import InputError

# Objects that are copied at the same time: what takes long is waiting for the store.
AT_ONCE = 8


def fetch(url: str, spool: Path, wanted: Callable[[PurePosixPath], bool]) -> list[tuple[str, Path]]:
    """Copy the object, or every object below a prefix or matching a glob; (URL, local path) in the order of names.

    `wanted`: asked below a prefix, with the path from there on.
    """
    scheme = url.partition("://")[0]
    shown = re.sub(r"://[^/?#]*@", "://", url)  # a key in an address is never repeated
    if scheme == "file":
        raise InputError("name local files without file://", where=url)
    spool.mkdir(parents=True, exist_ok=True)
    try:
        filesystem, root = _filesystem(url)
        names = _names(filesystem, root, wanted)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            copies = list(pool.map(lambda name: _copy(filesystem, name, spool), names))
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            "the object store could not be read", where=shown, value=_first_line(error, url, shown),
            next_step="check the address, the region and the credentials in the environment",
        ) from error  # fmt: skip
    if not names:
        raise InputError("no object was found", where=shown)
    return [(f"{scheme}://{name}", path) for name, path in zip(names, copies, strict=True)]


def _copy(filesystem: Any, name: str, spool: Path) -> Path:
    target = spool / (hashlib.sha256(name.encode()).hexdigest()[:16] + Path(name).suffix[:8])
    with filesystem.open_input_stream(name) as source, target.open("wb") as out:
        shutil.copyfileobj(source, out, 1 << 20)
    return target


def _first_line(error: Exception, url: str, shown: str) -> str:
    told = (str(error).splitlines() or [type(error).__name__])[0].replace(url, shown)
    return re.sub(r"://[^/?#\s]*@", "://", told)[:200]


def _filesystem(url: str) -> tuple[Any, str]:
    import pyarrow as pa
    from pyarrow import fs

    wild = next((i for i, c in enumerate(url) if c in "*?["), len(url))
    plain = url if wild == len(url) else url[:wild].rsplit("/", 1)[0]
    try:
        filesystem, root = fs.FileSystem.from_uri(plain)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return _fsspec(url)
    return filesystem, root if wild == len(url) else root + url[len(plain) :]


def _fsspec(url: str) -> tuple[Any, str]:
    try:
        import fsspec
    except ImportError as error:
        raise InputError(
            "this kind of address needs fsspec", where=re.sub(r"://[^/?#]*@", "://", url),
            next_step="pip install 'focus-ai[remote]'",
        ) from error  # fmt: skip
    from pyarrow import fs

    filesystem, path = fsspec.core.url_to_fs(url)
    return fs.PyFileSystem(fs.FSSpecHandler(filesystem)), str(path)


def _names(filesystem: Any, root: str, wanted: Callable[[PurePosixPath], bool]) -> list[str]:
    from pyarrow import fs

    if any(c in root for c in "*?["):
        base = root[: min(root.index(c) for c in "*?[" if c in root)].rsplit("/", 1)[0]
        infos = filesystem.get_file_info(fs.FileSelector(base, recursive=True))
        return sorted(i.path for i in infos if i.is_file and fnmatch.fnmatch(i.path, root))
    if filesystem.get_file_info(root).type != fs.FileType.Directory:
        return [root]
    infos = filesystem.get_file_info(fs.FileSelector(root, recursive=True))
    below = [i.path for i in infos if i.is_file]
    return sorted(n for n in below if wanted(PurePosixPath(n.removeprefix(root.rstrip("/")).lstrip("/"))))
