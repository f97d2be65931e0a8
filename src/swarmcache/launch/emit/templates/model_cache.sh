#!/usr/bin/env bash
@head@

SWARMCACHE_PROJECT=@project@
SWARMCACHE_MODELS=(@models@)

# What swarmcache is called as: in the project, whose settings decide about the cache.
_swarmcache() {
    local program=(@program@)
    if ! command -v -- "${program[0]}" > /dev/null 2>&1; then
        program=(swarmcache)
    fi
    if ! command -v -- "${program[0]}" > /dev/null 2>&1; then
        _swarmcache_say 33 @missing@
        return 127
    fi
    (cd -- "$SWARMCACHE_PROJECT" && SWARMCACHE_CACHE_DIR=@cache@ "${program[@]}" "$@")
}

# A line in a colour (32 green, 33 yellow) where somebody sees it.
_swarmcache_say() {
    if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
        printf '\033[%sm%s\033[0m\n' "$1" "$2"
    else
        printf '%s\n' "$2"
    fi
}

# The models that are meant: those given, else those of this file; empty names are left out.
_swarmcache_models() {
    local name
    SWARMCACHE_MEANT=()
    for name in "$@"; do
        if [ -n "$name" ]; then
            SWARMCACHE_MEANT+=("$name")
        fi
    done
    if [ "${#SWARMCACHE_MEANT[@]}" -eq 0 ] && [ "${#SWARMCACHE_MODELS[@]}" -gt 0 ]; then
        SWARMCACHE_MEANT=("${SWARMCACHE_MODELS[@]}")
    fi
}

@about_check@
check_model_cache() {
    _swarmcache_models "$@"
    _swarmcache check ${SWARMCACHE_MEANT[@]+"${SWARMCACHE_MEANT[@]}"}
}

@about_download@
download_model_cache() {
    _swarmcache_models "$@"
    _swarmcache pull ${SWARMCACHE_MEANT[@]+"${SWARMCACHE_MEANT[@]}"}
}

@about_clean@
clean_model_cache() {
    local size yn=N
    size=$( (du -sh -- @cache@ 2> /dev/null || true) | cut -f1)
    printf @size@'\n' "${size:-0}"
    if [ -t 0 ]; then
        printf '%s ' @question@
        if ! read -r -t "${SWARMCACHE_ASK_SECONDS:-10}" yn; then
            yn=N
            printf '\n'
        fi
    fi
    case $yn in
        [Yy]*)
            if _swarmcache clean; then
                printf '%s\n' @cleaned@
            else
                printf '%s\n' @kept@
            fi
            ;;
        *) printf '%s\n' @kept@ ;;
    esac
}

if [ "${BASH_SOURCE[0]:-}" = "$0" ]; then
    set -euo pipefail
    if ! check_model_cache "$@"; then
        download_model_cache "$@"
    fi
fi
