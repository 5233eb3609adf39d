# shellcheck shell=bash disable=SC1090,SC1091
# After a scenario that was killed: shows what its machine said last.  expired.bash container|vm
set -euo pipefail
. "$LAB/lib/check.bash"
. "$LAB/lib/$1.bash"
exit 124
