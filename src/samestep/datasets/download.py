"""A published file, brought into a folder whole and with the right checksum, or not at all."""

import errno
import os
from pathlib import Path

from samestep.errors import cache_not_written

SECONDS = 30
"""How long to wait for a server that says nothing."""

CHUNK_BYTES = 2**18


class NotDownloaded(Exception):
    """The network or the server did not give the file; the message says why in a few words."""


def download(url: str, sha256: str, folder: Path) -> Path:
    """Download into `folder` under the name at the end of `url`, in place of what is there.

    Raise NotDownloaded, or BadInput in one sentence where the folder cannot be written.
    """
    import pooch
    from requests import RequestException

    pooch.get_logger().setLevel("WARNING")
    name = url.rsplit("/", 1)[-1]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(
            url,
            known_hash=f"sha256:{sha256}",
            fname=name,
            path=folder,
            # Not streamed, so that the connection is closed whatever the answer is.
            downloader=pooch.HTTPDownloader(chunk_size=CHUNK_BYTES, timeout=SECONDS, stream=False),
        )
    # A RequestException is an OSError too, so it comes first.
    except RequestException as error:
        raise NotDownloaded(_in_words(error)) from None
    except ValueError:
        raise NotDownloaded("what came is damaged: it has another SHA-256 sum") from None
    except OSError as error:
        # Pooch words a PermissionError anew and drops its number.
        reason = error.strerror or os.strerror(errno.EACCES)
        raise cache_not_written(folder, name, reason) from None
    return folder / name


def _in_words(error: Exception) -> str:
    import requests

    match error:
        case requests.HTTPError(response=requests.Response() as response):
            return f"the server answered {response.status_code} {response.reason}".rstrip()
        case requests.Timeout():
            return f"no answer within {SECONDS} s"
        case requests.exceptions.SSLError():
            return "the server's certificate was not accepted"
        case requests.exceptions.ProxyError():
            return "no connection through the proxy"
        case requests.ConnectionError():
            return "no connection"
        case _:
            return "the connection broke"
