"""A session of the real huggingface_hub client, run by an interpreter that has some version of it.

Arguments: a folder for the client's cache. Standard input: JSON list of steps [name, arguments];
standard output: JSON list of [answer or null, name of the error or null].
"""

import hashlib
import json
import os
import sys

import huggingface_hub
from huggingface_hub import HfApi, hf_hub_download, snapshot_download

CACHE = sys.argv[1]


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def snapshot(repo, **options):
    folder = snapshot_download(repo, cache_dir=CACHE, **options)
    files = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            files[os.path.relpath(path, folder)] = digest(path)
    return files


def download(repo, path, **options):
    return digest(hf_hub_download(repo, path, cache_dir=CACHE, **options))


def blobs(repo):
    folder = os.path.join(CACHE, "models--" + repo.replace("/", "--"), "blobs")
    return sorted(os.listdir(folder))


def info(repo, repo_type="model", **options):
    found = HfApi().repo_info(repo, repo_type=repo_type, files_metadata=True, **options)
    siblings = {
        file.rfilename: [file.size, file.blob_id, file.lfs and file.lfs["sha256"]]
        for file in found.siblings
    }
    return {"id": found.id, "sha": found.sha, "private": found.private, "siblings": siblings}


def tree(repo, path=None, **options):
    return [described(entry) for entry in HfApi().list_repo_tree(repo, path, **options)]


def paths_info(repo, paths, **options):
    return [described(entry) for entry in HfApi().get_paths_info(repo, paths, **options)]


def described(entry):
    if not hasattr(entry, "blob_id"):
        return [entry.path, None, None]
    return [entry.path, entry.size, entry.lfs.sha256 if entry.lfs else entry.blob_id]


def refs(repo, **options):
    found = HfApi().list_repo_refs(repo, include_pull_requests=True, **options)
    listed = [*found.branches, *found.tags, *found.converts, *(found.pull_requests or [])]
    return {ref.name: ref.target_commit for ref in listed}


def commits(repo, **options):
    return [commit.commit_id for commit in HfApi().list_repo_commits(repo, **options)]


def exists(repo, path):
    return HfApi().file_exists(repo, path)


def absences(repo):
    """Return what the client wrote down as not existing."""
    folder = os.path.join(CACHE, "models--" + repo.replace("/", "--"), ".no_exist")
    return sorted(name for _, _, names in os.walk(folder) for name in names)


def version():
    return huggingface_hub.__version__


def attempt(name, arguments):
    options = arguments[-1] if arguments and isinstance(arguments[-1], dict) else {}
    given = arguments[: len(arguments) - bool(options)]
    try:
        return [globals()[name](*given, **options), None]
    except Exception as error:  # noqa: BLE001 - its name is the answer
        return [None, type(error).__name__]


if __name__ == "__main__":
    print(json.dumps([attempt(name, arguments) for name, *arguments in json.load(sys.stdin)]))
