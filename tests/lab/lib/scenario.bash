# shellcheck shell=bash disable=SC1090,SC1091
# Where a scenario begins, in namespaces of its own: scenario.bash container|vm SCRIPT
set -euo pipefail
shopt -s inherit_errexit
. "$LAB/lib/check.bash"
. "$LAB/lib/$1.bash"
. "$LAB/lib/rig.bash"
. "$2"
