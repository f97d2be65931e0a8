"""How much memory `swarmcache status` takes for 10,000, 100,000 and 1,000,000 cached files.

    python bench/memory.py [FOLDER]

The caches are made below FOLDER (the system's folder for temporary files unless given); a million
files take two million inodes, four GB of blocks and some minutes, and are left out where the file
system has not enough. Once the files are spread over repos of 1,000, as models are; once they are
all in one repo, as in a data set, which is the worst: one repo's files are in memory at a time.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile

from measure.rounds import clean_variables, once
from measure.words import asked

PER_REPO = 1000
COUNTS = (10_000, 100_000, 1_000_000)
"""Files of each cache."""
BLOCK = 4096
"""Bytes a small file takes on most file systems."""


def make_repo(folder: str, files: int) -> None:
    """Write one data set of tiny files, as huggingface_hub lays it out."""
    commit = hashlib.sha1(folder.encode()).hexdigest()
    snapshot = f"{folder}/snapshots/{commit}"
    for path in (f"{folder}/blobs", f"{folder}/refs", snapshot):
        os.makedirs(path)
    with open(f"{folder}/refs/main", "w") as ref:
        ref.write(commit)
    for number in range(files):
        content = b"%s %d" % (folder.encode(), number)
        etag = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        handle = os.open(f"{folder}/blobs/{etag}", os.O_WRONLY | os.O_CREAT)
        os.write(handle, content)
        os.close(handle)
        os.symlink(f"../../blobs/{etag}", f"{snapshot}/{number:07}.json")


def fits(files: int, folder: str) -> bool:
    """Tell whether a file system has the inodes and blocks for a cache of `files`."""
    free = os.statvfs(folder)
    enough_inodes = free.f_favail == 0 or free.f_favail > 3 * files
    return enough_inodes and free.f_bavail * free.f_frsize > 3 * files * BLOCK


def measure(files: int, per_repo: int, folder: str) -> None:
    """Make a cache, ask for its status, and print what that took."""
    with tempfile.TemporaryDirectory(dir=folder) as hub, tempfile.TemporaryDirectory() as project:
        for number in range(files // per_repo):
            make_repo(f"{hub}/datasets--org--data{number:04}", per_repo)
        command = [sys.executable, "-m", "swarmcache", "status"]
        cost = once(command, clean_variables(HF_HUB_CACHE=hub), project)
    shape = f"{files:,} files in {files // per_repo:,} repos"
    print(f"{shape:36}{cost.peak:9.1f}{cost.cpu:10.0f}{cost.wall:10.0f}", flush=True)


def main() -> None:
    """Print peak memory and time of one process for each size."""
    folder = asked(__doc__, folder=tempfile.gettempdir()).folder
    print(f"{'':36}{'peak MB':>9}{'CPU ms':>10}{'wall ms':>10}")
    for files in COUNTS:
        for per_repo in (PER_REPO, files):
            if fits(files, folder):
                measure(files, per_repo, folder)
            else:
                print(f"{files:,} files do not fit into {folder}")


if __name__ == "__main__":
    main()
