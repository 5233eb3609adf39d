# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# Asks the tmux of attempt $2 of worker $1, within $3 seconds: $8 and so on are its words, and $7 is what it
# reads. After that, with `look` or `type` as $4, what else is to be seen of the attempt: a line each, and
# then `screen` and what tmux says. For `look`, $5 is the heartbeat file and $6 the worktree, if there are any.

of "$1" "$2"
within=$3 what=$4 heartbeat=$5 worktree=$6 input=$7
shift 7
read_start && [ "$of_boot" = "$(boot)" ] && lives "$pane" "$pane_began" || {
    echo "it has no terminal any more" >&2
    exit 1
}
socket "$name" || exit 1
# Who asks a server that is stopped would stay there for as long as that is.
if command -v timeout >/dev/null; then
    bounded() { timeout -s KILL "$within" "$@"; }
elif command -v perl >/dev/null; then
    bounded() { perl -e 'alarm shift; exec @ARGV' "$within" "$@"; }
else
    bounded() { "$@"; }
fi
# The dot keeps the line breaks at its end.
said=$(printf %s "$input" | bounded tmux -u -S "$socket" "$@" && echo .) || {
    [ $? -lt 128 ] || echo "its tmux server did not answer within $within s" >&2
    exit 1
}
said=${said%.}

# When a file was last touched.
touched() {
    if at=$(bounded stat -L -c %Y -- "$1" 2>/dev/null || bounded stat -L -f %m -- "$1" 2>/dev/null); then
        echo "$at"
    elif [ -d "${1%/*}" ] && [ -x "${1%/*}" ]; then
        echo absent
    fi
}

# A path, absolute.
there() {
    case $1 in
    /*) echo "$1" ;;
    *) echo "$HOME/$1" ;;
    esac
}

# Whether the program has asked for bracketed paste, by the last so many bytes of what its terminal was sent.
asked() {
    tail -c "$1" "$dir/log" | tr -d '\000\n' | tr '\033' '\n' | sed 1d |
        grep -E '^(\[[?]([0-9]+;)*2004(;[0-9]+)*[hl]|c)' | tail -n 1
}

case $what in
look | type)
    date '+clock %s %z'
    echo "leader $pane $pid"
    # Those on its terminal, and those below its leader.
    near=$(ps -A -o pid= -o ppid= -o tty= -o stat= -o time= -o comm= |
        awk -v pane="$pane" -v tty="${tty#/dev/}" '
            {
                pid = $1; parent[pid] = $2
                on[pid] = (tty != "" && $3 == tty)
                line = $1 " " $2 " " (on[pid] ? ($4 ~ /[+]/ ? "front" : "back") : "off") " " $5
                if ($4 ~ /^[ZX]/) dead[pid]
                for (field = 6; field <= NF; field++) line = line " " $field
                lines[pid] = line
            }
            function below(pid) {
                while (pid in parent) {
                    if (pid == pane) return 1
                    pid = parent[pid]
                }
                return 0
            }
            END {
                for (pid in lines)
                    if (!(pid in dead) && (on[pid] || below(pid))) print "process " lines[pid]
            }')
    printf '%s\n' "$near"
    printf '%s\n' "$near" | while read -r _ one _ on _; do
        [ "$on" = front ] || continue
        if [ -r "/proc/$one/cmdline" ]; then
            ! reads=$(readlink "/proc/$one/fd/0") || [ "$reads" = "$tty" ] || echo "elsewhere $one"
            words=$(tr '\000\n\t' '\t  ' <"/proc/$one/cmdline")
        else
            words=$(ps -o args= -p "$one" | tr ' ' '\t')
        fi
        printf 'words %s %s\n' "$one" "$words"
    done
    ;;
esac
case $what in
look)
    [ -z "$heartbeat" ] || echo "heartbeat $(touched "$(there "$heartbeat")")"
    [ -z "$worktree" ] || echo "committed $(bounded git -C "$(there "$worktree")" log -1 --format=%ct 2>/dev/null)"
    ;;
type)
    case $(stty -a <"$tty" 2>/dev/null) in
    *-icanon*) ;;
    *icanon*) case $(uname) in
        Linux) echo "longest 4095" ;;
        *) echo "longest 255" ;;
        esac ;;
    esac
    found=$(asked 262144)
    [ -n "$found" ] || found=$(asked 16777216)
    case $found in
    *h) echo "brackets yes" ;;
    ?*) echo "brackets no" ;;
    # What was removed at the head reads as zeros, and may have had it.
    *) [ $(($(wc -c <"$dir/log"))) -gt 16777216 ] || [ "$(head -c 1 "$dir/log" | tr -d '\000' | wc -c)" -eq 0 ] ||
        echo "brackets no" ;;
    esac
    ;;
esac
[ -z "$what" ] || echo screen
printf %s "$said"
