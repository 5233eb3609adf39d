# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# Starts an attempt in a tmux of its own. $1 worker, $2 attempt, $3 name of the socket, $4 name of the
# session, $5 what tmux is told first, $6 the script that becomes the worker, $7 that of the pane, and
# $8 its version.

of "$1" "$2"
refuse() {
    place "${2:-failed}" "$1"
    state
    exit
}
mkdir -p "${dir%/*}" && mkdir "$dir" 2>/dev/null || { state; exit; }
command -v tmux >/dev/null || refuse "tmux is not in PATH there ($PATH)"
socket "$3" 2>"$dir/errors" || refuse "$(cat "$dir/errors")"
printf '%s' "$5" >"$dir/tmux.conf"
printf '%s' "$6" >"$dir/run"
: >>"$dir/log"
pane=$root/lib/$8
[ -e "$pane" ] || {
    mkdir -p "$root/lib"
    printf '%s' "$7" >"$pane.$$" && mv -f "$pane.$$" "$pane"
}
unset SSH_CLIENT SSH_CONNECTION SSH_TTY TMUX TMUX_PANE
LOOPKEEPER_DIR=$dir
export LOOPKEEPER_DIR
umask "$login_umask"
# What tmux hands to its own shell.
# shellcheck disable=SC2016
tmux -u -S "$socket" -f "$dir/tmux.conf" new-session -d -x 200 -y 50 -s "$4" \
    sh "$pane" "$root" "$rig" "$1" "$2" "$3" \; \
    pipe-pane -t "=$4:" 'until cat >>"$LOOPKEEPER_DIR/log"; do sleep 1; done; : >"$LOOPKEEPER_DIR/logged"' 2>"$dir/errors" ||
    case $(cat "$dir/errors") in
    'duplicate session'*) refuse "another attempt of it runs there: $4" busy ;;
    *) [ -e "$dir/start" ] || [ -e "$dir/failed" ] || [ -e "$dir/busy" ] || refuse "tmux: $(cat "$dir/errors")" ;;
    esac
tmux -S "$socket" wait-for "started $2" 2>/dev/null
state
