# shellcheck shell=bash disable=SC1090,SC1091
# Where a case begins: case.bash SCRIPT. What it writes goes into $WORK.
set -euo pipefail
shopt -s inherit_errexit
. "$REPOSITORY/tests/lab/lib/claims.bash"
export WORK=$NIX_WORK/case
cd "$REPOSITORY"

# evaluates EXPRESSION [ARGUMENT...]: as JSON; no store is written.
evaluates() {
  local expression=$1
  shift
  nix-instantiate --store dummy:// --eval --strict --json --arg nixpkgs "$NIXPKGS" "$@" \
    --expr "$expression"
}

# host NAME FIELD: of what tests/nix/host.nix says of it.
host() { evaluates "import $NIX_TESTS/host.nix" --argstr host "$1" | jq --raw-output ".$2"; }

# nix_files: every file of Nix that is not ignored.
nix_files() { git ls-files -z --cached --others --exclude-standard -- '*.nix'; }

trap 'printf "   NO  %s, line %s: \"%s\" ended with %s\n" "${BASH_SOURCE[0]##*/}" "$LINENO" "$BASH_COMMAND" "$?" >&2' ERR
. "$1"
