# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# One line on the boot, one on each attempt that is asked for, by $1 and $2 worker and attempt, and so on,
# and on each there is. What is asked for and has not begun yet will not begin any more.

echo "boot $(boot)"
while [ $# -ge 2 ]; do
    of "$1" "$2"
    state cut-off
    shift 2
done
for one in "$root/rigs/$rig"/*/*/; do
    [ -d "$one" ] || continue
    one=${one%/}
    parent=${one%/*}
    of "${parent##*/}" "${one##*/}"
    state
done
echo end
