# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# What this host has for us, a line each: a key, and what it is. Nothing is made or changed.

say() {
    [ -z "$2" ] || printf '%s %s\n' "$1" "$2"
}
first() {
    "$@" 2>/dev/null </dev/null | {
        IFS= read -r line
        printf '%s' "$line"
    }
}

user=$(id -un)
say user "$user"
say kernel "$(uname -sr)"
say boot "$(boot 2>/dev/null)"
say cpus "$(getconf _NPROCESSORS_ONLN 2>/dev/null)"
if read -r up rest 2>/dev/null </proc/uptime; then
    say uptime "${up%%.*}"
elif booted=$(sysctl -n kern.boottime 2>/dev/null | sed 's/.*{ sec = \([0-9]*\).*/\1/') && [ -n "$booted" ]; then
    say uptime "$(($(date +%s) - booted))"
fi
if read -r load rest 2>/dev/null </proc/loadavg; then
    say load "$load"
else
    load=$(first sysctl -n vm.loadavg) load=${load#\{ }
    say load "${load%% *}"
fi
if [ -r /proc/meminfo ]; then
    while read -r key value rest; do
        case $key in
        MemTotal:) say memory.total "$value" ;;
        MemAvailable:) say memory.available "$value" ;;
        esac
    done </proc/meminfo
elif bytes=$(sysctl -n hw.memsize 2>/dev/null); then
    say memory.total "$((bytes / 1024))"
fi

# What the other scripts call, and what is only wanted.
tools="awk cat grep head id ls mkdir mv ps rm rmdir sed sleep sort tail tr tty wc"
[ -r /proc/self/stat ] || tools="$tools cksum"
for tool in $tools tmux git rsync perl flock; do
    if ! place=$(command -v "$tool"); then
        say lacks "$tool"
        continue
    fi
    case $tool in
    tmux) version=$(first tmux -V) ;;
    git | rsync) version=$(first "$tool" --version) ;;
    *) version=$place ;;
    esac
    if [ -n "$version" ]; then
        say "has $tool" "$version"
    else
        say broken "$tool"
    fi
done
say search "$PATH"
[ "$(printf abc | head -c 2 2>/dev/null)" = ab ] || say broken "head -c"
[ "$(printf abc | tail -c +2 2>/dev/null)" = bc ] || say broken "tail -c +"
ps -A -o pid= -o ppid= -o tty= 2>/dev/null | awk -v me=$$ '$1 == me { found = 1 } END { exit !found }' 2>/dev/null ||
    say broken "ps -A -o pid= -o ppid= -o tty="
[ ! -r /proc/self/environ ] || printf 'a\0b' | grep -qszF b 2>/dev/null || say broken "grep -z"

# A directory, under this name. Of one that is not there, that in which it would be made.
about() {
    at=$2
    say "$1.path" "$at"
    [ ! -h "$at" ] || say "$1.link" yes
    if [ -d "$at" ]; then
        say "$1.is" directory
        [ -O "$at" ] && say "$1.own" yes || say "$1.own" no
        mode=$(ls -ldn "$at/." 2>/dev/null)
        say "$1.mode" "${mode%% *}"
    elif [ -e "$at" ] || [ -h "$at" ]; then
        say "$1.is" other
    else
        say "$1.is" missing
    fi
    while [ ! -e "$at" ] && [ -n "$at" ]; do
        at=${at%/*}
    done
    at=${at:-/}
    say "$1.at" "$at"
    [ -d "$at" ] && [ -w "$at" ] && [ -x "$at" ] && say "$1.writable" yes || say "$1.writable" no
    say "$1.free" "$(df -Pk "$at" 2>/dev/null | awk '
        NR == 2 { for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+%$/) { print $(i - 1); exit } }')"
    say "$1.inodes" "$(df -Pi "$at" 2>/dev/null | awk '
        NR == 2 { for (i = 3; i <= NF; i++)
            if ($i ~ /^[0-9]+%$/ && $(i - 1) ~ /^[0-9]+$/ && $(i - 2) ~ /^[0-9]+$/) free = $(i - 1) }
        END { print free }')"
}
about ours "$root"
about sockets "${TMUX_TMPDIR:-/tmp}/loopkeeper-$(id -u)"
about tmp /tmp

# Whether what is started in a login ends with it: logind.conf(5), KillUserProcesses.
manager() {
    first busctl --timeout=2 get-property org.freedesktop.login1 /org/freedesktop/login1 \
        org.freedesktop.login1.Manager "$1"
}
case $(cat /proc/self/cgroup 2>/dev/null) in
*/session-*.scope*)
    say session yes
    kills=$(manager KillUserProcesses)
    case $kills in
    b*) ;;
    *)
        d=systemd/logind.conf
        kills="b $(cat "/usr/lib/$d" "/etc/$d" "/usr/lib/$d.d"/*.conf "/run/$d.d"/*.conf "/etc/$d.d"/*.conf 2>/dev/null |
            sed -n 's/^[[:space:]]*KillUserProcesses[[:space:]]*=[[:space:]]*//p' | tail -n 1)"
        ;;
    esac
    case $kills in
    'b true' | 'b yes' | 'b on' | 'b 1') say kills yes ;;
    *) say kills no ;;
    esac
    spared=$(manager KillExcludeUsers)
    case ${spared:-'"root"'} in *"\"$user\""*) say spared yes ;; esac
    only=$(manager KillOnlyUsers)
    case $only in
    '' | 'as 0' | *"\"$user\""*) ;;
    *) say spared yes ;;
    esac
    linger=$(first loginctl show-user "$user" -p Linger)
    case ${linger#Linger=} in
    yes) say linger yes ;;
    no) say linger no ;;
    *) [ -e "/var/lib/systemd/linger/$user" ] && say linger yes || say linger no ;;
    esac
    ;;
*) say session no ;;
esac
echo end
