#!/bin/sh
# The Adversary: tries to refute what the Builder pushed, by trial division, and says so in a commit.
#
# Your reviewer would stand here. It works in a clone of its own, so it sees what was pushed and
# nothing of what the Builder left lying around.
set -eu

say() { printf '%s\n' "$*"; }

# The first thing that is wrong with primes.txt, or "approved".
judge() {
  wanted=$(sed -n 's/^limit: //p' "$LOOPKEEPER_BRIEF")
  claimed=$(sed -n 's/^# primes below //p' primes.txt)
  if [ "$wanted" != onwards ] && [ "$wanted" != "$claimed" ]; then
    say "the brief asks for the primes below $wanted"
    return
  fi
  awk -v limit="$claimed" '
    function divisor(n,  d) {
      for (d = 2; d * d <= n; d++) if (n % d == 0) return d
      return n
    }
    /^#/ { next }
    { listed[$1] = 1 }
    END {
      for (n = 2; n < limit; n++) {
        d = divisor(n)
        if (listed[n] && d != n) { print n " = " d " x " n / d; exit }
        if (!listed[n] && d == n) { print n " is missing"; exit }
      }
      print "approved"
    }' primes.txt
}

# A phase ends when its line is in this file. It is written after the push, and again by the next
# life if this one ends in between.
end_phase() {
  if [ "$(sed -n 's/^phase: //p' REVIEW.md)" = "$LOOPKEEPER_PHASE" ] &&
    [ "$(sed -n '$p' REVIEW.md)" = approved ] &&
    ! grep -qsx "$LOOPKEEPER_PHASE" ../approved; then
    say "$LOOPKEEPER_PHASE" >>../approved
  fi
}

# An earlier life may have ended anywhere; what it did not push is thrown away.
rm -f .git/index.lock .git/HEAD.lock .git/refs/heads/main.lock
say "phase $LOOPKEEPER_PHASE, brief ${LOOPKEEPER_BRIEF##*/}"

while :; do
  git fetch -q
  git reset -q --hard origin/main
  end_phase
  if [ "$(git log -1 --format=%an)" != Builder ]; then
    sleep 0.2
    continue
  fi
  work=$(git log -1 --format='%h %s')
  say "reviewing $work"
  sleep "$PACE"
  verdict=$(judge)
  {
    say "review of $work"
    say "phase: $LOOPKEEPER_PHASE"
    say "$verdict"
  } >REVIEW.md
  git commit -q -a -m "review: $verdict"
  # Refused when somebody was faster: then the next round sees it.
  git push -q origin HEAD:main || say "the push was refused"
  say "$verdict"
done
