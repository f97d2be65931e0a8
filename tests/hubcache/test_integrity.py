"""Complete for loading? Told from the cache alone, and defined once."""

from __future__ import annotations

import io
import json
import os
import zipfile
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, tiny_safetensors, write
from swarmcache.hubcache.complete.integrity import Outcome, check
from swarmcache.hubcache.layout import parse_target

if TYPE_CHECKING:
    from pathlib import Path

WEIGHTS = tiny_safetensors(1)
DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
"""JSON that Python's parser gives up with a RecursionError."""
MODEL = {
    "README.md": b"# A model",
    "config.json": b'{"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}',
    "generation_config.json": b'{"do_sample": true}',
    "model.safetensors": WEIGHTS,
    "tokenizer.json": b'{"version": "1.0"}',
    "tokenizer_config.json": b'{"eos_token": "x"}',
}
SHARDED = {
    **{name: content for name, content in MODEL.items() if name != "model.safetensors"},
    "model-00001-of-00002.safetensors": tiny_safetensors(1),
    "model-00002-of-00002.safetensors": tiny_safetensors(2),
    "model.safetensors.index.json": json.dumps(
        {
            "weight_map": {
                "a": "model-00001-of-00002.safetensors",
                "b": "model-00002-of-00002.safetensors",
            }
        }
    ).encode(),
}


@pytest.fixture
def maker(tmp_path: Path) -> CacheMaker:
    """A cache in a temporary folder."""
    return CacheMaker(tmp_path / "hub")


def verdict(maker: CacheMaker, target: str = "org/name", *, full: bool = False) -> Outcome:
    """Return what `check` says."""
    return check(parse_target(target), maker.path, full=full)


def without(files: dict[str, bytes], *names: str) -> dict[str, bytes]:
    """Return the files but for some."""
    return {name: content for name, content in files.items() if name not in names}


def snapshot_file(maker: CacheMaker, commit: str, name: str) -> str:
    """Return the real path of a file's content."""
    return os.path.realpath(os.path.join(maker.folder("org/name"), "snapshots", commit, name))


@pytest.mark.parametrize("trees", [True, False])
@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("files", [MODEL, SHARDED], ids=["single", "sharded"])
def test_a_whole_model_is_complete(
    maker: CacheMaker, files: dict[str, bytes], *, trees: bool, links: bool
) -> None:
    """In each layout, with and without a manifest."""
    commit = maker.repo("org/name", files, trees=trees, links=links)

    found = verdict(maker)

    assert (found.state, found.commit, found.missing, found.damaged) == ("complete", commit, (), ())
    assert found.snapshot == os.path.join(maker.folder("org/name"), "snapshots", commit)


def test_readme_is_not_needed_but_full_asks_for_it(maker: CacheMaker) -> None:
    """A cache filled file by file is complete when the model loads from it."""
    maker.repo("org/name", MODEL, absent=["README.md"])

    assert verdict(maker).state == "complete"
    found = verdict(maker, full=True)
    assert (found.state, found.missing) == ("incomplete", ("README.md",))


def test_full_is_unknown_without_a_manifest(maker: CacheMaker) -> None:
    """Nothing in an old cache tells every file of a commit."""
    maker.repo("org/name", MODEL, trees=False)

    assert verdict(maker, full=True).state == "unknown"


def test_full_names_what_even_loading_lacks(maker: CacheMaker) -> None:
    """Without a manifest too: a shard that the index lists is missing, whatever else may be."""
    (shard, *_) = (name for name in SHARDED if name.endswith("-00001-of-00002.safetensors"))
    maker.repo("org/name", SHARDED, trees=False, absent=[shard])

    found = verdict(maker, full=True)
    assert (found.state, found.missing) == ("incomplete", (shard,))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "generation_config.json"])
def test_a_listed_file_that_loading_needs_is_missing(maker: CacheMaker, name: str) -> None:
    """The manifest names it, the cache lacks it."""
    maker.repo("org/name", MODEL, absent=[name])

    found = verdict(maker)

    assert (found.state, found.missing) == ("incomplete", (name,))


def test_without_a_manifest_absent_weights_are_named(maker: CacheMaker) -> None:
    """Only config and tokenizer were fetched."""
    maker.repo("org/name", without(MODEL, "model.safetensors"), trees=False)

    found = verdict(maker)

    assert (found.state, found.missing) == ("incomplete", ("model.safetensors",))


def test_an_absent_shard_is_named_by_the_index(maker: CacheMaker) -> None:
    """The index is enough to know; no manifest needed."""
    gone = "model-00002-of-00002.safetensors"
    maker.repo("org/name", without(SHARDED, gone), trees=False)

    found = verdict(maker)

    assert (found.state, found.missing) == ("incomplete", (gone,))


def test_another_whole_format_is_enough(maker: CacheMaker) -> None:
    """A trainer that loaded the pickle has a model that loads."""
    files = {**MODEL, "pytorch_model.bin": torch_zip()}
    maker.repo("org/name", files, absent=["model.safetensors"])

    assert verdict(maker).state == "complete"


def torch_zip() -> bytes:
    """Return a zip as torch.save writes one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("archive/data.pkl", b"\x80\x02.")
    return buffer.getvalue()


def test_a_pickle_that_is_cut_off_is_damaged(maker: CacheMaker) -> None:
    """The zip's closing record is gone."""
    files = {**without(MODEL, "model.safetensors"), "pytorch_model.bin": torch_zip()[:-1]}
    maker.repo("org/name", files, trees=False)

    found = verdict(maker)

    assert (found.state, found.damaged) == ("damaged", ("pytorch_model.bin",))


@pytest.mark.parametrize("cut", [0, 4, 20, len(WEIGHTS) - 1])
@pytest.mark.parametrize("trees", [True, False])
def test_cut_off_weights_are_damaged(maker: CacheMaker, cut: int, *, trees: bool) -> None:
    """By the manifest's size, or by the safetensors header alone."""
    commit = maker.repo("org/name", MODEL, trees=trees)
    os.truncate(snapshot_file(maker, commit, "model.safetensors"), cut)

    found = verdict(maker)

    assert (found.state, found.damaged) == ("damaged", ("model.safetensors",))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "generation_config.json"])
def test_an_emptied_file_is_damaged_even_without_a_manifest(maker: CacheMaker, name: str) -> None:
    """Its blob's name is the hash of something that is not empty."""
    commit = maker.repo("org/name", MODEL, trees=False)
    os.truncate(snapshot_file(maker, commit, name), 0)

    found = verdict(maker)

    assert (found.state, found.damaged) == ("damaged", (name,))


def test_a_file_that_is_rightly_empty_is_sound(maker: CacheMaker) -> None:
    """`__init__.py` has no bytes, and its blob's name says so."""
    maker.repo("org/name", {**MODEL, "code/__init__.py": b""}, trees=False)

    assert verdict(maker).state == "complete"


def test_a_config_that_is_no_json_is_damaged(maker: CacheMaker) -> None:
    """Half a config of the full length cannot be parsed."""
    maker.repo("org/name", {**MODEL, "config.json": b'{"model_type": '}, trees=False)

    assert verdict(maker).damaged == ("config.json",)


def test_a_dead_link_is_damaged(maker: CacheMaker) -> None:
    """The snapshot names a blob that is gone."""
    commit = maker.repo("org/name", MODEL)
    os.unlink(snapshot_file(maker, commit, "tokenizer.json"))

    found = verdict(maker)

    assert (found.state, found.damaged) == ("damaged", ("tokenizer.json",))


def test_a_damaged_readme_hurts_nobody_but_full(maker: CacheMaker) -> None:
    """What loading does not read cannot stop a start."""
    commit = maker.repo("org/name", MODEL)
    os.unlink(snapshot_file(maker, commit, "README.md"))

    assert verdict(maker).state == "complete"
    assert verdict(maker, full=True).damaged == ("README.md",)


def test_a_tokenizer_that_nothing_tells_of_is_unknown(maker: CacheMaker) -> None:
    """Only the model was loaded so far: is there a tokenizer?"""
    files = without(MODEL, "tokenizer.json", "tokenizer_config.json")
    maker.repo("org/name", files, trees=False)

    found = verdict(maker)

    assert found.state == "unknown"
    assert "tokenizer" in found.reason


@pytest.mark.parametrize(
    "told",
    [{"trees": True}, {"trees": False, "no_exist": ["tokenizer_config.json"]}],
    ids=["manifest", "404 seen"],
)
def test_a_model_known_to_have_no_tokenizer_is_complete(
    maker: CacheMaker, told: dict[str, object]
) -> None:
    """The manifest lists none, or a client was answered 404."""
    files = without(MODEL, "tokenizer.json", "tokenizer_config.json")
    maker.repo("org/name", files, **told)  # type: ignore[arg-type]

    assert verdict(maker).state == "complete"


def test_any_one_vocabulary_is_enough(maker: CacheMaker) -> None:
    """Transformers asks for one form, however many the repo lists."""
    files = {**MODEL, "vocab.json": b'{"a": 1}', "merges.txt": b"a b", "figure.json": b"[]"}
    maker.repo("org/name", files, absent=["vocab.json", "merges.txt", "figure.json"])
    maker.repo("org/other", files, absent=["tokenizer.json"])
    maker.repo("org/none", files, absent=["tokenizer.json", "merges.txt"])

    assert verdict(maker).state == "complete"
    assert verdict(maker, "org/other").state == "complete"
    assert verdict(maker, "org/none").missing == ("tokenizer.json",)


@pytest.mark.parametrize("name", ["generation_config.json", "tokenizer_config.json"])
def test_what_would_silently_change_loading_must_be_told(maker: CacheMaker, name: str) -> None:
    """Neither the file nor a 404 mark: the client was stopped before it asked."""
    maker.repo("org/name", without(MODEL, name), trees=False)
    maker.repo("org/asked", without(MODEL, name), trees=False, no_exist=[name])

    found = verdict(maker)

    assert found.state == "unknown"
    assert name in found.reason
    assert verdict(maker, "org/asked").state == "complete"


@pytest.mark.parametrize(
    "names", [("vocab.json", "merges.txt"), ("tokenizer.model",), ("vocab.txt",)]
)
def test_other_vocabularies_are_tokenizers(maker: CacheMaker, names: tuple[str, ...]) -> None:
    """BPE of two files, SentencePiece, WordPiece."""
    files = {**without(MODEL, "tokenizer.json"), **dict.fromkeys(names, b"x")}
    maker.repo("org/name", files, trees=False)

    assert verdict(maker).state == "complete"


def test_custom_code_and_what_it_imports_is_needed(maker: CacheMaker) -> None:
    """`auto_map` names a module, which imports another beside it."""
    code = {
        "config.json": b'{"auto_map": {"AutoModel": "modeling_x.X", "AutoConfig": "o/r--m.C"}}',
        "modeling_x.py": b"import torch\nfrom .layers_x import Layer\n",
    }
    maker.repo("org/name", {**MODEL, **code}, trees=False)

    found = verdict(maker)

    assert (found.state, found.missing) == ("incomplete", ("layers_x.py",))


def test_gguf_alone_is_a_model(maker: CacheMaker) -> None:
    """No config; the file's own magic number is looked at."""
    maker.repo("org/name", {"a.gguf": b"GGUF\x03\0\0\0"}, trees=False)
    maker.repo("org/bad", {"a.gguf": b"<html>"}, trees=False)

    assert verdict(maker).state == "complete"
    assert verdict(maker, "org/bad").damaged == ("a.gguf",)


def test_an_adapter_needs_its_weights(maker: CacheMaker) -> None:
    """A LoRA has an adapter_config.json in place of a config.json."""
    files = {"adapter_config.json": b"{}", "adapter_model.safetensors": WEIGHTS}
    maker.repo("org/name", files, trees=False)
    maker.repo("org/half", files, absent=["adapter_model.safetensors"])

    assert verdict(maker).state == "complete"
    assert verdict(maker, "org/half").missing == ("adapter_model.safetensors",)


PIPELINE = {
    "model_index.json": b'{"_class_name": "P", "unet": ["diffusers", "UNet"], "vae": ["d", "V"]}',
    "unet/config.json": b"{}",
    "unet/diffusion_pytorch_model.safetensors": WEIGHTS,
    "vae/config.json": b"{}",
    "vae/diffusion_pytorch_model.bin": torch_zip(),
}


def test_a_pipeline_needs_each_of_its_parts(maker: CacheMaker) -> None:
    """diffusers: `model_index.json` names the folders."""
    maker.repo("org/name", PIPELINE, trees=False)
    half = without(PIPELINE, "vae/diffusion_pytorch_model.bin")
    maker.repo("org/half", half, trees=False)

    assert verdict(maker).state == "complete"
    assert verdict(maker, "org/half").missing == ("vae/diffusion_pytorch_model.safetensors",)


def test_what_no_format_tells_is_unknown(maker: CacheMaker) -> None:
    """Neither config nor GGUF nor pipeline."""
    maker.repo("org/name", {"weights.npz": b"x"}, trees=False)

    assert verdict(maker).state == "unknown"


def test_a_dataset_is_told_by_its_manifest(maker: CacheMaker) -> None:
    """All its files, or unknown."""
    files = {"data/train.parquet": b"PAR1", "README.md": b"x"}
    maker.repo("org/told", files, repo_type="dataset")
    maker.repo("org/half", files, repo_type="dataset", absent=["data/train.parquet"])
    maker.repo("org/old", files, repo_type="dataset", trees=False)

    states = [verdict(maker, f"datasets/org/{name}").state for name in ("told", "half", "old")]

    assert states == ["complete", "incomplete", "unknown"]


def test_missing_says_what_is_cached_instead(maker: CacheMaker) -> None:
    """No repo, no such revision, a ref without a snapshot, a ref that cannot be read."""
    commit = maker.repo("org/name", MODEL, refs=["v1"])
    maker.repo("org/bad", MODEL)
    write(os.path.join(maker.folder("org/bad"), "refs", "main"), b"0" * 40 + b"\n")
    maker.repo("org/gone", MODEL)
    write(os.path.join(maker.folder("org/gone"), "refs", "main"), b"1" * 40)

    assert verdict(maker, "org/absent").state == "missing"
    assert verdict(maker).state == "missing"
    assert "v1" in verdict(maker).reason
    assert verdict(maker, f"org/name@{commit}").state == "complete"
    assert verdict(maker, "org/bad").state == "damaged"
    assert verdict(maker, "org/gone").commit == "1" * 40
    assert verdict(maker, "org/gone").state == "missing"


def test_a_manifest_that_cannot_be_read_tells_nothing(maker: CacheMaker) -> None:
    """Cut off in mid-write, hostile, or of a later format: as if there were none."""
    commit = maker.repo("org/name", MODEL)
    path = os.path.join(maker.folder("org/name"), "trees", f"{commit}.json")
    endless = b'{"format_version": 1, "files": {"config.json": {"size": 1e999, "blob_id": "a"}}}'
    later = b'{"format_version": 9, "files": {}}'
    for text in (b'{"format_version": 1, "fi', later, b"[]", DEEP, endless):
        write(path, text)
        assert verdict(maker).state == "complete"


def test_an_index_that_is_nested_too_deeply_tells_nothing(maker: CacheMaker) -> None:
    """The check ends with a verdict, not in Python's RecursionError."""
    files = {**without(MODEL, "model.safetensors"), "model.safetensors.index.json": DEEP}
    commit = maker.repo("org/name", files, trees=False)
    assert verdict(maker).commit == commit


def test_a_hostile_index_leads_nowhere(maker: CacheMaker) -> None:
    """A shard name that climbs out is just a file that is not cached."""
    index = json.dumps({"weight_map": {"a": "../../../../etc/passwd", "b": 7}}).encode()
    files = {**without(MODEL, "model.safetensors"), "model.safetensors.index.json": index}
    maker.repo("org/name", files, trees=False)

    found = verdict(maker)

    assert (found.state, found.missing) == ("incomplete", ("../../../../etc/passwd",))


def test_size_counts_shared_content_once(maker: CacheMaker) -> None:
    """Two names for one blob."""
    maker.repo("org/name", {**MODEL, "copy.safetensors": WEIGHTS})

    assert verdict(maker).size == sum(map(len, set(MODEL.values())))
