# What bash reads before each script that `swarmcache run` starts (BASH_ENV): it answers prompts.
#
# `read` is a function here, and is bash's own again for everything but a prompt: a plain `read` of
# one variable, with a text (-p, or at one of the sites that launch/start/prompts.py found), from the very
# standard input that the command was started with. Bash 3.2 (macOS) must understand all of this.
#
#   SWARMCACHE_PROMPTS_INPUT     a path that is that standard input, or `closed`
#   SWARMCACHE_PROMPTS_ENDED     1 where it was at its end from the start
#   SWARMCACHE_PROMPTS_ANSWERS   question, answer, question, answer …, each on a line
#   SWARMCACHE_PROMPTS_SITES     the script, then `line text` for each of its prompts without -p
#   SWARMCACHE_PROMPTS_SAYINGS   two sentences, each on a line
#   SWARMCACHE_PROMPTS_BASH_ENV  the user's own BASH_ENV

read() {
    if [[ -n ${SWARMCACHE_PROMPTS_INPUT-} ]] && __swarmcache_answered "$@"; then
        return 0
    fi
    builtin read "$@" || return $?
}

# Answers one prompt; fails, having done nothing, where bash's own `read` is to do it.
__swarmcache_answered() {
    if [[ $- == *x* && ${BASH_VERSINFO[0]}${BASH_VERSINFO[1]} -ge 44 ]]; then
        { local -; set +x; } 2> /dev/null # A script that traces itself is to trace no more than that.
    fi
    __swarmcache_is_from_user || return 1
    local __swarmcache_prompt='' __swarmcache_name=REPLY __swarmcache_hidden='' __swarmcache_waits=''
    local __swarmcache_enter='' __swarmcache_shown=''
    __swarmcache_parse "$@" || return 1
    local __swarmcache_site="${BASH_SOURCE[2]-}:${BASH_LINENO[1]-}"
    if [[ -z $__swarmcache_shown ]]; then
        __swarmcache_printed "${BASH_SOURCE[2]-}" "${BASH_LINENO[1]-}" || return 1
    fi
    local __swarmcache_answer=''
    if __swarmcache_find_answer; then
        __swarmcache_may_repeat || return 1
        printf -v "$__swarmcache_name" %s "$__swarmcache_answer" || return 1
        __swarmcache_show "$__swarmcache_answer"
        __swarmcache_take_line
    elif [[ -n ${SWARMCACHE_PROMPTS_ENDED-} && -z $__swarmcache_waits ]] && ! [[ -t 0 ]]; then
        __swarmcache_may_repeat || return 1
        printf -v "$__swarmcache_name" %s "$__swarmcache_enter" || return 1
        __swarmcache_say_ended
    else
        return 1
    fi
}

# Whether standard input is the command's own still, and not a file or pipe of the script.
__swarmcache_is_from_user() {
    if [[ $SWARMCACHE_PROMPTS_INPUT == closed ]]; then
        ! [[ -e /dev/fd/0 ]]
    else
        [[ /dev/fd/0 -ef $SWARMCACHE_PROMPTS_INPUT ]] ||
            [[ -t 0 && /dev/fd/0 -ef /dev/tty ]]
    fi
}

# Reads the words after `read`: options as bash's own takes them, then one variable at most.
__swarmcache_parse() {
    local __swarmcache_letters __swarmcache_letter __swarmcache_value __swarmcache_edits=''
    while [[ ${1-} == -?* ]]; do
        __swarmcache_letters=${1#-}
        shift
        [[ $__swarmcache_letters == - ]] && break
        while [[ -n $__swarmcache_letters ]]; do
            __swarmcache_letter=${__swarmcache_letters:0:1}
            __swarmcache_letters=${__swarmcache_letters:1}
            case $__swarmcache_letter in
            r) continue ;;
            e) __swarmcache_edits=1 && continue ;;
            s) __swarmcache_hidden=1 && continue ;;
            i | n | p | t) ;;
            *) return 1 ;; # -a, -d, -N and -u read data, no answer.
            esac
            if [[ -n $__swarmcache_letters ]]; then
                __swarmcache_value=$__swarmcache_letters __swarmcache_letters=
            else
                (($#)) || return 1
                __swarmcache_value=$1
                shift
            fi
            case $__swarmcache_letter in
            i) __swarmcache_enter=$__swarmcache_value ;;
            p) __swarmcache_prompt=$__swarmcache_value __swarmcache_shown=1 ;;
            t) __swarmcache_waits=1 ;;
            esac
        done
    done
    (($# < 2)) || return 1
    [[ -n $__swarmcache_edits ]] || __swarmcache_enter=
    __swarmcache_name=${1-REPLY}
    [[ $__swarmcache_name != __swarmcache_* && $__swarmcache_name != *[!A-Za-z0-9_]* &&
        $__swarmcache_name == [A-Za-z_]* ]]
}

# Whether the script printed a question before this `read`, and if so, which.
__swarmcache_printed() {
    local __swarmcache_sites=${SWARMCACHE_PROMPTS_SITES-}
    [[ -n $__swarmcache_sites && $1 -ef ${__swarmcache_sites%%$'\n'*} ]] || return 1
    [[ $__swarmcache_sites == *$'\n'"$2 "* ]] || return 1
    __swarmcache_prompt=${__swarmcache_sites#*$'\n'"$2 "}
    __swarmcache_prompt=${__swarmcache_prompt%%$'\n'*}
}

# Finds the first answer whose question is the variable, or part of the prompt.
__swarmcache_find_answer() {
    local __swarmcache_rest=${SWARMCACHE_PROMPTS_ANSWERS-} __swarmcache_question
    while [[ -n $__swarmcache_rest ]]; do
        __swarmcache_question=${__swarmcache_rest%%$'\n'*}
        __swarmcache_rest=${__swarmcache_rest#*$'\n'}
        __swarmcache_answer=${__swarmcache_rest%%$'\n'*}
        __swarmcache_rest=${__swarmcache_rest#*$'\n'}
        [[ $__swarmcache_name == "$__swarmcache_question" ]] && return
        [[ $__swarmcache_prompt == *"$__swarmcache_question"* ]] && return
    done
    return 1
}

# Whether a prompt may get the same again: one that is asked again at once did not like it.
__swarmcache_may_repeat() {
    if [[ ${__swarmcache_last-} == "$__swarmcache_site" ]] &&
        ((SECONDS - __swarmcache_then < 2 && SECONDS >= __swarmcache_then)); then
        ((++__swarmcache_times <= 3)) || return 1
    else
        __swarmcache_last=$__swarmcache_site __swarmcache_times=1
    fi
    __swarmcache_then=$SECONDS
}

# Takes the line that was meant for this prompt, so that the next one gets its own; what a pipe
# brings within a second, and what was already typed on a terminal.
__swarmcache_take_line() {
    local __swarmcache_typed='' __swarmcache_refused
    [[ -n ${SWARMCACHE_PROMPTS_ENDED-} || $- == *s* ]] && return # -s: the script itself comes there.
    if [[ -t 0 ]]; then
        ((BASH_VERSINFO[0] >= 4)) || return 0 # Bash 3.2 cannot ask whether something was typed.
        builtin read -t 0 || return 0
    fi
    IFS= builtin read -r -t 1 __swarmcache_typed || :
    if [[ -n $__swarmcache_typed && $__swarmcache_typed != "$__swarmcache_answer" ]]; then
        __swarmcache_refused=${SWARMCACHE_PROMPTS_SAYINGS-}
        __swarmcache_refused=${__swarmcache_refused%%$'\n'*}
        printf '%s\n' "$__swarmcache_refused" >&2 || :
    fi
}

__swarmcache_show() {
    [[ -z $__swarmcache_hidden ]] || set -- '***'
    [[ -z $__swarmcache_shown ]] || printf '%s ' "${__swarmcache_prompt% }" >&2 || :
    printf '[swarmcache: %s]\n' "$1" >&2 || :
}

__swarmcache_say_ended() {
    [[ -z ${__swarmcache_said_ended-} ]] || return 0
    __swarmcache_said_ended=${SWARMCACHE_PROMPTS_SAYINGS#*$'\n'}
    printf '%s\n' "$__swarmcache_said_ended" >&2 || :
}

if [[ -n ${SWARMCACHE_PROMPTS_BASH_ENV-} ]]; then
    # Bash expands it as in double quotes, and looks for it in no PATH.
    __swarmcache_file=${SWARMCACHE_PROMPTS_BASH_ENV//\"/\\\"}
    eval "__swarmcache_file=\"$__swarmcache_file\""
    [[ $__swarmcache_file == */* ]] || __swarmcache_file=./$__swarmcache_file
    if [[ -r $__swarmcache_file ]]; then
        . "$__swarmcache_file"
    fi
fi
