# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# The log of attempt $2 of worker $1 from byte $3 on, $4 bytes at the most. With `last` as $5, once it is
# complete. The first $6 bytes are not wanted any more: they leave a hole, where that can be had.

of "$1" "$2"
if [ "$5" = last ] && read_start; then
    # What it wrote last is on its way through tmux.
    tries=0
    until [ -e "$dir/logged" ] || [ $((tries += 1)) -gt 10 ] || [ "$of_boot" != "$(boot)" ]; do
        sleep 1
    done
fi
[ "$6" = 0 ] || ! command -v fallocate >/dev/null || fallocate -p -o 0 -l "$6" "$dir/log" 2>/dev/null
tail -c "+$(($3 + 1))" "$dir/log" | head -c "$4"
