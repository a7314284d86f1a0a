"""A base image made of this machine's static busybox: tests can assume no registry to pull one from."""

import io
import shutil
import subprocess
import tarfile


class NoBusybox(Exception):
    """There is no static busybox; on Debian it is the package ``busybox-static``."""


def root_filesystem() -> bytes:
    """A tar archive for ``docker import``: busybox, its applets, and ``/tmp``.

    Raises:
        NoBusybox: it is not installed.
    """
    binary = shutil.which("busybox")
    if binary is None:
        raise NoBusybox("busybox is missing (Debian package busybox-static)")
    applets = subprocess.run([binary, "--list"], check=True, capture_output=True, text=True).stdout.split()
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        tar.add(binary, arcname="bin/busybox")
        for applet in applets:
            if applet != "busybox":
                link = tarfile.TarInfo(f"bin/{applet}")
                link.type = tarfile.SYMTYPE
                link.linkname = "busybox"
                tar.addfile(link)
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(folder)
    return content.getvalue()
