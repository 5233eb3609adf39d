# shellcheck shell=bash
# What a scenario claims. Each claim prints one line; the first that does not hold ends the scenario.

# step TEXT: what the scenario does next.
step() { printf -- '-- %s\n' "$*"; }

# same WHAT EXPECTED ACTUAL
same() {
  if [[ $2 == "$3" ]]; then
    printf '   ok  %s: %s\n' "$1" "$3"
  else
    broken "$1" "expected: $2" "     got: $3"
  fi
}

# differ WHAT ONE OTHER
differ() {
  if [[ -n $2 && -n $3 && $2 != "$3" ]]; then
    printf '   ok  %s: %s, then %s\n' "$1" "$2" "$3"
  else
    broken "$1" "not two different values: '$2' and '$3'"
  fi
}

# holds WHAT COMMAND...: the command ends with 0.
holds() {
  local what=$1 said status=0
  shift
  said=$("$@" 2>&1) || status=$?
  if ((status == 0)); then
    printf '   ok  %s\n' "$what"
  else
    broken "$what" "'$*' ended with $status" "$said"
  fi
}

# eventually SECONDS WHAT COMMAND...: the command ends with 0, by then at the latest. For what
# nothing announces; where there is an event, wait for that.
eventually() {
  local limit=$1 what=$2 begin=$SECONDS said status
  shift 2
  while true; do
    status=0
    said=$("$@" 2>&1) || status=$?
    if ((status == 0)); then
      printf '   ok  %s\n' "$what"
      return
    fi
    if ((SECONDS - begin > limit)); then
      broken "$what" "not within $limit s; '$*' still ends with $status" "$said"
    fi
    sleep 0.1
  done
}

# broken WHAT LINE...: ends the scenario.
broken() {
  printf '   NO  %s\n' "$1"
  shift
  printf '       %s\n' "$@"
  exit 1
} >&2
