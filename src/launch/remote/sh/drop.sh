# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# The attempt $2 of worker $1 is history.

of "$1" "$2"
# Who waits for more of the log waits no longer; and nobody takes that for more of it.
mv -f "$dir/log" "$dir/over" 2>/dev/null && echo >>"$dir/over"
rm -rf "$dir"
rmdir "${dir%/*}" 2>/dev/null
exit 0
