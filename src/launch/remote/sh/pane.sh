# shellcheck shell=sh disable=SC2015,SC2034,SC2154
# The process of the pane: starts the worker, writes down how it ended, stays until nothing of it is left.
# $1 to $5: root, rig, worker, attempt, name of the socket.

root=$1 rig=$2
of "$3" "$4"
socket "$5" || exit
over() {
    tmux -S "$socket" wait-for -S "over $attempt" 2>/dev/null
}
# Caught and not ignored, so that the worker has all of them.
trap : HUP INT QUIT TERM USR1 USR2
pane=$$ name=$5
pane_began=$(started $$)
tty=$(tty)
export pane pane_began name tty root rig
umask "$login_umask"
if [ -z "$6" ] && command -v perl >/dev/null; then
    # A shell does not tell a signal from the code that looks like it.
    exec perl -e '
        use Config;
        my ($dir, $pane, @again) = @ARGV;
        $SIG{$_} = sub {} for qw(HUP INT QUIT TERM USR1 USR2);
        my $pid = fork;
        exec "sh", "$dir/run" or exit 127 if defined $pid && !$pid;
        defined $pid or die "fork: $!\n";
        1 while waitpid($pid, 0) == -1 && $!{EINTR};
        my @names = split " ", $Config{sig_name};
        my ($signal, $code) = ($? & 127, $? >> 8);
        my $name = $signal > 31 ? $signal : "SIG$names[$signal]";
        my $end = $signal ? "signal $name" : "code $code";
        open FILE, ">", "$dir/.exit.$$" and print FILE "$end\n" and close FILE
            and rename "$dir/.exit.$$", "$dir/exit";
        exec "sh", $pane, @again;
    ' "$dir" "$0" "$@" linger
fi
if [ -z "$6" ]; then
    sh "$dir/run"
    code=$?
    case $code in
    [0-9] | [0-9][0-9] | 1[01][0-9] | 12[0-8]) place exit "code $code" ;;
    *) place exit "shell $code" ;;
    esac
fi
if read_start; then
    empty=0
    while [ "$empty" -lt 2 ]; do
        left=$(members | grep -c .)
        place left "$left"
        over
        # A signal to all that is left may meet who counts.
        empty=$(((empty + 1) * (left == 0)))
        [ "$left" = 0 ] || sleep 0.2 2>/dev/null || sleep 1
    done
else
    tmux -S "$socket" wait-for -S "started $attempt" 2>/dev/null
fi
