#!/bin/sh
# The Builder: writes the primes that the brief asks for, and mends what the Adversary refutes.
#
# Your agent would stand here. This one is a sieve that knows a few factors, and learns another one
# from each rejection: without the Adversary it gets nowhere.
set -eu

say() { printf '%s\n' "$*"; }

factors() { paste -s -d ' ' factors.txt; }

# The last line of the review: "approved", or why not, such as "25 = 5 x 5".
verdict() { sed -n '$p' REVIEW.md; }

# How far the brief wants us to go; "onwards" is a hundred beyond what was approved.
limit() {
  wanted=$(sed -n 's/^limit: //p' "$LOOPKEEPER_BRIEF")
  reached=$(sed -n 's/^# primes below //p' primes.txt)
  case $wanted in
    onwards) [ "$(verdict)" = approved ] && reached=$((reached + 100)); say "$reached" ;;
    *) say "$wanted" ;;
  esac
}

# Learns from the review: "25 = 5 x 5" says that 5 is a factor to look for.
learn() {
  factor=$(verdict | sed -n 's/^[0-9]* = \([0-9]*\) x .*/\1/p')
  if [ -n "$factor" ] && ! grep -qx "$factor" factors.txt; then
    say "$factor" >>factors.txt
  fi
}

# Everything below the limit that none of the known factors divides.
sieve() {
  awk -v limit="$1" '
    { factor[NR] = $1 }
    END {
      for (n = 2; n < limit; n++) {
        prime = 1
        for (i = 1; i <= NR; i++) if (n % factor[i] == 0 && n != factor[i]) prime = 0
        if (prime) print n
      }
    }' factors.txt
}

# It is our turn when the last word in the repository is not ours, and asks for something.
our_turn() {
  [ "$(git log -1 --format=%an)" != Builder ] || return 1
  [ "$(verdict)" != approved ] || [ "$(sed -n 's/^# primes below //p' primes.txt)" != "$(limit)" ]
}

# An earlier life may have ended anywhere. What it did not push is not worth keeping: the work is in
# the repository, and where the plan stands is in $LOOPKEEPER_PHASE.
rm -f .git/index.lock .git/HEAD.lock .git/refs/heads/main.lock
if [ -n "$(git status --porcelain)" ]; then
  say "found half-written work; beginning again at what was pushed"
fi
say "phase $LOOPKEEPER_PHASE, brief ${LOOPKEEPER_BRIEF##*/}"

while :; do
  git fetch -q
  git reset -q --hard origin/main
  if ! our_turn; then
    sleep 0.2
    continue
  fi
  limit=$(limit)
  learn
  say "writing the primes below $limit, sieved by $(factors)"
  primes=$(sieve "$limit")
  count=$(printf '%s\n' "$primes" | wc -l)
  # Half, a pause to think, and the rest: whoever dies in between leaves a mess.
  { say "# primes below $limit"; printf '%s\n' "$primes" | head -n $((count / 2)); } >primes.txt
  sleep "$PACE"
  printf '%s\n' "$primes" | tail -n +$((count / 2 + 1)) >>primes.txt
  git add --all
  git commit -q -m "primes below $limit, sieved by $(factors)"
  # Refused when somebody was faster: then the next round sees it.
  git push -q origin HEAD:main || say "the push was refused"
done
