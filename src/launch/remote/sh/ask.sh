# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# One line on the boot and the machine, one on each attempt that is asked for, by $1 worker, $2 attempt and $3
# the machine on which it was begun, if that is known, and so on; and on each there is. What is asked for and
# has not begun yet will not begin any more; but of what was begun on another machine nothing is said.

here=$(machine)
echo "boot $(boot) $here"
while [ $# -ge 3 ]; do
    of "$1" "$2"
    [ -n "$3" ] && [ "$3" != "$here" ] || state cut-off
    shift 3
done
for one in "$root/rigs/$rig"/*/*/; do
    [ -d "$one" ] || continue
    one=${one%/}
    parent=${one%/*}
    of "${parent##*/}" "${one##*/}"
    state
done
echo end
