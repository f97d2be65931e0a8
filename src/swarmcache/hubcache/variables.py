"""Which environment variables the Hub's Python libraries know.

The names are strings in the installed sources of huggingface_hub 0.8.1, 0.36.2, 1.5.0, 1.31.0 and
2.4.0, transformers 4.21.3 to 5.23.0, datasets 5.0.1 and 5.2.0, accelerate 1.15.0, and the binary of
hf_xet 1.8.0; a test compares them with what is installed.
"""

from __future__ import annotations

import difflib
import re

READ_AT_IMPORT = frozenset(
    {
        *("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"),
        *("HF_ASSETS_CACHE", "HF_XET_CACHE", "HF_TOKEN_PATH", "HF_HUB_OFFLINE"),
        *("TRANSFORMERS_OFFLINE", "HF_ENDPOINT", "HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT"),
        *("HF_HUB_DISABLE_XET", "HF_HUB_ENABLE_HF_TRANSFER", "HF_XET_HIGH_PERFORMANCE"),
    }
)
"""What huggingface_hub reads once, when its `constants` are imported."""
READ_BY_TRANSFORMERS = frozenset(
    {"TRANSFORMERS_CACHE", "PYTORCH_TRANSFORMERS_CACHE", "PYTORCH_PRETRAINED_BERT_CACHE"}
)
"""What transformers before 5.0 reads once, when it is imported."""
READ_BY_DATASETS = frozenset({"HF_DATASETS_CACHE", "HF_DATASETS_OFFLINE"})
"""What datasets reads once, when it is imported."""

KNOWN = frozenset(
    {
        *READ_AT_IMPORT,
        *READ_BY_TRANSFORMERS,
        *READ_BY_DATASETS,
        *("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_STORED_TOKENS_PATH", "HF_HUB_READ_TOKEN"),
        *("HF_DEBUG", "HF_EDITOR", "HF_HUB_VERBOSITY", "HUGGINGFACE_HUB_VERBOSITY"),
        *("HF_HUB_DISABLE_EXPERIMENTAL_WARNING", "HF_HUB_DISABLE_IMPLICIT_TOKEN"),
        *("HF_HUB_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_SHARED_BLOBS"),
        *("HF_HUB_DISABLE_SYMLINKS", "HF_HUB_DISABLE_SYMLINKS_WARNING"),
        *("HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_UPDATE_CHECK"),
        *("HF_HUB_LOCAL_DIR_AUTO_SYMLINK_THRESHOLD", "HF_HUB_USER_AGENT_ORIGIN"),
        *("HF_INFERENCE_ENDPOINT", "HF_OIDC_ID_TOKEN", "HF_OIDC_RESOURCE"),
        *("HF_DEVICE_CODE_OAUTH_CLIENT_ID", "HF_UPDATE_DOWNLOAD_COUNTS", "HF_MODULES_CACHE"),
        *("HF_DATASETS_DISABLE_PROGRESS_BARS", "HF_DATASETS_DOWNLOADED_DATASETS_PATH"),
        *("HF_DATASETS_EXTRACTED_DATASETS_PATH", "HF_DATASETS_IN_MEMORY_MAX_SIZE"),
        "HF_DATASETS_STACK_MULTIPROCESSING_DOWNLOAD_PROGRESS_BARS",
        *("HF_DATASETS_MULTITHREADING_MAX_WORKERS", "HF_DATASETS_DECODE_NUM_THREADS"),
        *("HF_DAGSHUB_LOG_ARTIFACTS", "HF_DAGSHUB_MODEL_NAME", "HF_DVCLIVE_LOG_MODEL"),
        *("HF_MLFLOW_LOG_ARTIFACTS", "HF_DEACTIVATE_ASYNC_LOAD", "HF_ENABLE_PARALLEL_LOADING"),
        *("HF_PARALLEL_LOADING_WORKERS", "HF_TRANSFER_CONCURRENCY", "HF_XET_HP"),
        *("HUGGINGFACE_ASSETS_CACHE", "HUGGINGFACE_CO_RESOLVE_ENDPOINT", "HUGGINGFACE_CO_STAGING"),
        *("HUGGINGFACE_CO_URL_HOME", "HUGGINGFACE_CO_URL_TEMPLATE"),
        *("TRANSFORMERS_IS_CI", "TRANSFORMERS_NO_ADVISORY_WARNINGS", "TRANSFORMERS_VERBOSITY"),
        *("TRANSFORMERS_DISABLE_TORCH_CHECK", "TRANSFORMERS_USE_MULTIPROCESSING"),
        *("TRANSFORMERS_SDPA_FORCE_GQA", "TRANSFORMERS_DISABLE_DEEPGEMM_LINEAR"),
        *("TRANSFORMERS_TEST_BACKEND", "TRANSFORMERS_TEST_DEVICE", "TRANSFORMERS_TEST_DEVICE_SPEC"),
    }
)
_OURS = re.compile(r"(?:HF|HUGGING_?FACE|TRANSFORMERS)_[A-Z0-9_]+")
_XET = "HF_XET_"
"""Every field of hf_xet's settings has a variable, two hundred of them, that no list holds."""
_WORDS = {
    "CACHE": "HF_HUB_CACHE",
    "OFFLINE": "HF_HUB_OFFLINE",
    "TIMEOUT": "HF_HUB_DOWNLOAD_TIMEOUT",
    "MIRROR": "HF_ENDPOINT",
    "ENDPOINT": "HF_ENDPOINT",
}
"""What somebody means who writes such a word into a name of their own making."""
_NEVER_MEANT = frozenset({"HF_MODULES_CACHE"})
"""Who writes HF_MODELS_CACHE does not mean a folder of code."""
_CLOSE = 0.85


def is_unknown(name: str) -> bool:
    """Tell whether a variable looks like one of the Hub's and is none."""
    return bool(_OURS.fullmatch(name)) and name not in KNOWN and not name.startswith(_XET)


def nearest(name: str) -> tuple[str, bool] | None:
    """Return the variable that a wrong name means, and whether only its spelling is off.

    None where nothing tells: it may be a name of somebody's own.
    """
    close = difflib.get_close_matches(name, sorted(KNOWN - _NEVER_MEANT), 1, _CLOSE)
    if close:
        return close[0], True
    words = set(name.split("_"))
    meant = next((known for word, known in _WORDS.items() if word in words), None)
    return None if meant is None else (meant, False)
