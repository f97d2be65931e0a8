#!/usr/bin/env bash
# Starts one node of the miniature swarm: the same steps as a real node, without the network of peers.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
export ROOT
export HF_HUB_DOWNLOAD_TIMEOUT=120 # seconds without a byte, not for the whole download

mkdir -p "$ROOT/logs"
echo ">> Starting the mini swarm node"

python3 "$ROOT/mini_swarm/trainer.py" \
    --config-path "$ROOT/mini_swarm/config" \
    --config-name "mini-swarm.yaml"
