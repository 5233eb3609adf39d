# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# Becomes the worker; what it is follows. $root and $rig are the pane's.

refuse() {
    place "${2:-failed}" "$1"
    exit 1
}

# Relative to the home directory.
enter() {
    cd -- "$HOME" && cd -- "$1" 2>/dev/null || refuse "workdir $1: there is no such directory that can be entered"
}

# The worktree: the kernel keeps the lock for as long as anything of the attempt has the file open.
take() {
    tree=$1
    case $tree in
    /*) ;;
    *) tree=$HOME/$tree ;;
    esac
    [ -d "$tree" ] && [ -r "$tree" ] || refuse "worktree $1: there is no such directory that can be read"
    exec 9<"$tree"
    if command -v flock >/dev/null; then
        flock -n 9
    elif command -v perl >/dev/null; then
        perl -e 'open F, "<&=9" and exit !flock F, 6; exit 1'
    else
        refuse "worktree $1: it cannot be locked, for neither flock nor perl is in PATH there ($PATH)"
    fi || refuse "worktree $1 is held by another attempt" busy
}

begin() {
    command -v -- "$1" >/dev/null || refuse "$1 is not to be found there (PATH is $PATH)"
    mkdir "$dir/go" 2>/dev/null || exit 1
    place start "$$ $(started $$) $pane $pane_began $(boot) $name $tty $(machine)"
    socket "$name"
    tmux -S "$socket" wait-for -S "started $attempt" 2>/dev/null
    unset pane pane_began name tty root rig LOOPKEEPER_DIR TMUX TMUX_PANE
    umask "$login_umask"
    exec "$@"
}
