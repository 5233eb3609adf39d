# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# Tells what happens, a line each; is told on its input for which attempt and what:
#   end WORKER ATTEMPT          when it has ended, and when nothing of it is left
#   more WORKER ATTEMPT SIZE    when its log is longer than that
# It ends with its input, and so does everything that waits for it.

# One that a lost link has left behind waits in vain.
mkdir -p "$root/rigs/$rig"
if read -r old began 2>/dev/null <"$root/rigs/$rig/watch.$(machine)" && lives "$old" "$began"; then
    kill -TERM "-$old" 2>/dev/null || kill -TERM "$old"
fi
dir=$root/rigs/$rig
place "watch.$(machine)" "$$ $(started $$)"
trap 'trap - TERM; kill -TERM 0' EXIT
trap exit HUP INT TERM

end() {
    read_start && socket "$name" || { state; return; }
    until [ -e "$dir/left" ] || ! lives "$pane" "$pane_began"; do
        tmux -S "$socket" wait-for "over $attempt" >/dev/null 2>&1 || sleep 1
    done
    state
    while [ -n "$(members)" ] || lives "$pane" "$pane_began"; do
        sleep 1
    done
    echo "gone $worker $attempt"
}

more() {
    tail -c "+$(($1 + 1))" -f "$dir/log" 2>/dev/null | head -c 1 >/dev/null
    echo "more $worker $attempt"
}

while read -r what worker attempt size; do
    of "$worker" "$attempt"
    case $what in
    end) end & ;;
    more) more "$size" & ;;
    esac
done
