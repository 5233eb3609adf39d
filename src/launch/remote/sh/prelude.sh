# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# What every script of ours over there begins with. $1 our directory, $2 the rig, $3 the PATH, if it is to
# be another.

case $1 in
/*) root=$1 ;;
*) root=$HOME/$1 ;;
esac
rig=$2
[ -z "$3" ] || PATH=$3
shift 3
