# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# Sends a signal, $3, to all that the attempt $2 of worker $1 has started and that lives.

of "$1" "$2"
read_start || { echo "it was never started" >&2; exit 1; }
[ "$of_boot" = "$(boot)" ] || exit 0
for one in $(members); do
    kill -s "$3" "$one" 2>/dev/null
    # Who is stopped takes it as well.
    kill -s CONT "$one" 2>/dev/null
done
exit 0
