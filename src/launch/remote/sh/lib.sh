# shellcheck shell=sh disable=SC2015,SC2030,SC2031,SC2034,SC2154
# What every script of ours over there knows: the identity of processes, the records of an attempt.
# $root and $rig are set before.

login_umask=$(umask)
umask 077

# The life of the kernel: Linux, and where there is no such file, macOS.
boot() {
    cat /proc/sys/kernel/random/boot_id 2>/dev/null || sysctl -n kern.bootsessionuuid
}

# Which machine this is, whatever it is called.
machine() {
    grep . /etc/machine-id 2>/dev/null || sysctl -n kern.uuid 2>/dev/null || echo unknown
}

# The moment at which a process began, as a number that is no other process's with its pid; nothing of
# one that is gone, or a zombie.
started() {
    if [ -r /proc/self/stat ]; then
        read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
        # A name may have blanks and parentheses.
        # shellcheck disable=SC2086
        set -- ${stat##*) }
        [ "$1" = Z ] || [ "$1" = X ] || echo "${20}"
    else
        case $(ps -o stat= -p "$1") in '' | Z*) return 0 ;; esac
        # shellcheck disable=SC2046
        set -- $(LC_ALL=C TZ=UTC ps -o lstart= -p "$1" | cksum)
        echo "$1"
    fi
}

# Whether the process of this pid is the one that began then.
lives() {
    [ -n "$2" ] && [ "$(started "$1")" = "$2" ]
}

# A file that is whole or not there.
place() {
    printf '%s\n' "$2" >"$dir/.$1.$$" && mv -f "$dir/.$1.$$" "$dir/$1"
}

# The attempt of this worker and id; sets $worker, $attempt, $dir.
of() {
    worker=$1 attempt=$2
    dir=$root/rigs/$rig/$1/$2
}

# Where the tmux server of the worker listens, by its file's name in a directory that is ours alone.
socket() {
    private=${TMUX_TMPDIR:-/tmp}/loopkeeper-$(id -u)
    mkdir "$private" 2>/dev/null
    case $(ls -ldn "$private") in
    d???------*) ;;
    *) false ;;
    esac && [ -O "$private" ] && [ ! -h "$private" ] || {
        echo "$private: is not a directory of ours alone; remove it" >&2
        return 1
    }
    socket=$private/$1
}

# What recognises the attempt, once it runs: the worker's pid and start, the pane's, the boot, the file
# name of the socket, the terminal, the machine.
read_start() {
    read -r pid began pane pane_began of_boot name tty of_machine 2>/dev/null <"$dir/start"
}

# The processes that the attempt has started and that live, but for the pane; after read_start. Whoever
# looks may be one of its children itself.
members() (
    me=$(exec sh -c 'echo $PPID')
    # A terminal is another's as soon as its pane is gone. The number of a session is nobody else's while
    # somebody is in it; and where it is, there is such a process.
    if ! lives "$pane" "$pane_began"; then
        tty=
        [ -z "$(started "$pane")" ] || pane=
    fi
    # On Linux a session is known by the pid of its leader; elsewhere there is the terminal alone.
    session=
    [ ! -r /proc/self/stat ] || { session=$pane tty=; }
    {
        ps -A -o pid= -o ppid= -o tty= -o sess= |
            awk -v me="$me" -v pane="$pane" -v tty="${tty#/dev/}" -v session="$session" '
            { parent[$1] = $2; terminal[$1] = $3; of[$1] = $4 }
            # Whether this one, or who is above it, is in the set.
            function below(pid, set) {
                while (pid in parent) {
                    if (pid in set) return 1
                    pid = parent[pid]
                }
                return 0
            }
            END {
                for (up = me; up in parent && up != pane; up = parent[up]) top = up
                looks[up == pane ? top : me]
                if (pane != "") all[pane]
                for (pid in parent)
                    if (pid != pane && !below(pid, looks))
                        if (below(pid, all) || (tty != "" && terminal[pid] == tty) ||
                            (session != "" && of[pid] == session)) print pid
            }'
        # Who left the terminal and was left by its parents is known by its environment, on Linux.
        grep -lszF "LOOPKEEPER_ATTEMPT=$attempt" /proc/[0-9]*/environ 2>/dev/null |
            sed 's,^/proc/\([0-9]*\)/.*,\1,'
    } | sort -u | while read -r one; do
        [ -z "$(started "$one")" ] || echo "$one"
    done
)

# One line on the attempt; none on one of another machine, with which this one shares its files. What was
# to be started and never will be is fenced off: whoever makes the directory, and `go` in it before the
# worker begins, is the only one who does. With $1, also what has not begun yet.
state() {
    if mkdir -p "${dir%/*}" && mkdir "$dir" 2>/dev/null; then
        mkdir "$dir/go"
        place failed "it never came to be started"
    fi
    line="attempt $worker $attempt"
    size=$(($(wc -c 2>/dev/null <"$dir/log" || echo 0)))
    if ! read_start; then
        if [ -e "$dir/failed" ] || [ -e "$dir/busy" ]; then
            :
        elif [ -n "$1" ] && mkdir "$dir/go" 2>/dev/null; then
            place failed "its start was cut off"
        elif [ -e "$dir/exit" ] && [ ! -e "$dir/start" ]; then
            place failed "its pane ended before it began"
        fi
        for why in failed busy; do
            [ ! -e "$dir/$why" ] || { echo "$line $why $(tr '\n' ' ' <"$dir/$why")"; return; }
        done
        echo "$line starting"
        return
    fi
    [ "$of_machine" = "$(machine)" ] || return
    identity="$pid $began $of_boot"
    if [ "$of_boot" != "$(boot)" ]; then
        if [ -e "$dir/exit" ]; then
            echo "$line ended $identity $(cat "$dir/exit") 0 $size"
        else
            echo "$line ended $identity lost host 0 $size"
        fi
    elif lives "$pane" "$pane_began"; then
        # Who looks there is not to be counted from here.
        if [ -e "$dir/left" ]; then
            echo "$line ended $identity $(cat "$dir/exit") $(cat "$dir/left") $size"
        else
            echo "$line alive $identity $size"
        fi
    elif [ -e "$dir/exit" ]; then
        echo "$line ended $identity $(cat "$dir/exit") $(members | grep -c .) $size"
    elif lives "$pid" "$began"; then
        echo "$line alive $identity $size"
    else
        echo "$line ended $identity lost pane $(members | grep -c .) $size"
    fi
}
