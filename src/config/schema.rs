//! The keys of the file: the one table from which unknown keys are told, mistakes explained and
//! the reference for people made.

/// One key of a table.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What its value is; reads on after "expected".
    pub expects: &'static str,
    /// What it is when it is not written: TOML where it is a fixed value, else words.
    pub default: &'static str,
    /// A value as it may be written, in TOML: the default, where that is one.
    pub example: &'static str,
    /// What it is for.
    pub about: &'static str,
}

/// One table of the file.
#[derive(Debug)]
pub struct Section {
    /// Its dotted name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    groups: &'static [&'static [&'static Key]],
}

impl Section {
    /// Its keys.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.groups.iter().copied().flatten().copied()
    }
}

macro_rules! keys {
    (@example $default:literal) => { $default };
    (@example $default:literal $example:literal) => { $example };
    ($($constant:ident: $name:literal, $expects:expr, $default:literal $(as in $example:literal)?, $about:literal;)+) => {
        $(pub(in crate::config) const $constant: &super::Key = &super::Key {
            name: $name,
            expects: $expects,
            default: $default,
            example: keys!(@example $default $($example)?),
            about: $about,
        };)+
        pub(super) const KEYS: &[&super::Key] = &[$($constant),+];
    };
}

/// The words for values that several keys have.
mod expects {
    pub(super) const COMMAND: &str =
        "an array with a program and its arguments, or a string for /bin/sh -c";
    pub(super) const DURATION: &str = "a duration such as \"30s\", \"5m\" or \"1h 30m\"";
    pub(super) const EVERY: &str = "a duration of at least 10ms, such as \"30s\"";
    pub(super) const HOST_PORT: &str = "a host and a port, such as \"127.0.0.1:1055\"";
    pub(super) const LISTEN: &str = "an address and a port, such as \"127.0.0.1:1055\"";
    pub(super) const CREDENTIAL: &str = "a credential's name or an absolute path";
    pub(super) const ENVIRONMENT: &str = "a table of strings, such as { RUST_LOG = \"info\" }";
    pub(super) const DESTINATIONS: &str =
        "an array of destinations, such as \"10.0.0.0/8:22\" or \"*.example.org:443\"";
    pub(super) const PATH: &str = "a path";
    pub(super) const SHOWS: &str = "patterns, as in [[agents.NAME.busy]]";
    pub(super) const REGEX: &str = "a regular expression that matches no empty line";
    pub(super) const REGEXES: &str = "an array of regular expressions that match no empty line";
    pub(super) const SYSTEMD: &str =
        "a table of systemd's properties, such as { MemoryMax = \"2G\", User = \"builder\" }";
    pub(super) const DIRECTORY: &str = "the path of a directory";
    pub(super) const TEMPLATE: &str =
        "a template, or a table with its file such as { file = \"brief.txt\" }";
    pub(super) const READY: &str = "a table with one of socks, tcp, command, file and output, such as { tcp = \"127.0.0.1:8080\" }";
}

pub(super) mod top {
    keys! {
        RIG: "rig", "a table", "empty" as in "{}", "The rig as a whole.";
        PROXY: "proxy", "a table", "no proxy" as in "{}", "The SOCKS proxy.";
        PLAN: "plan", "a table", "no phases" as in "{}", "The phases the loops work through.";
        HOSTS: "hosts", "a table of hosts, as in [hosts.NAME]", "this machine alone" as in "{}", "Other machines on which workers run.";
        DEFAULTS: "defaults", "a table", "empty" as in "{}", "What holds for every worker that does not say otherwise.";
        WORKERS: "workers", "a table of workers, as in [workers.builder]", "no workers" as in "{}", "The programs that are kept alive.";
        AGENTS: "agents", "a table of agents, as in [agents.NAME]", "those in the program" as in "{}", "Agents of one's own, and what is different about known ones.";
    }
}

pub(super) mod rig {
    keys! {
        NAME: "name", "1 to 64 letters, digits, '.', '_' and '-'", "the host's name" as in "\"pi\"",
            "What the rig is called in messages.";
        NOTIFY: "notify", "a table with a command, or the command alone", "nobody is told" as in "[\"mail\", \"-s\", \"rig\", \"root\"]",
            "What is run for what an operator should hear of.";
    }
}

pub(super) mod notify {
    use super::expects;
    keys! {
        COMMAND: "command", expects::COMMAND, "required" as in "[\"mail\", \"-s\", \"rig\", \"root\"]",
            "What is run, once for each event. The text comes on standard input and in $LOOPKEEPER_NOTICE, the \
             word for the event in $LOOPKEEPER_EVENT, the rig's name in $LOOPKEEPER_RIG. It runs in the file's \
             directory and has a minute; that it failed is in the log.";
        ON: "on", "an array of events, such as [\"error\", \"reboot\", \"phase\"]",
            "[\"error\", \"reboot\", \"worker-stalled\", \"worker-unstuck\", \"worker-budget\", \"worker-breaker-closed\", \"worker-limited\", \"worker-limit-over\", \"worker-asking\", \"worker-outage\", \"worker-nudge-undecided\", \"worker-inbox-failed\", \"worker-conversation-lost\", \"worker-conversation-changed\", \"worker-not-told\", \"worker-worktree-failed\", \"handoff-stuck\", \"phase\", \"phase-goes-on\", \"phase-not-quiet\", \"plan-complete\"]",
            "The events that it is run for, by their words in `supervisorctl history --json`; \"error\" is each at which a person has to look, such as worker-held.";
        INPUT: "input", "\"text\" or \"json\"", "\"text\"",
            "What comes on standard input: the text, or an object on one line, for webhooks. It has version (1), event, \
             level (info, warning or error), at (RFC 3339), rig, host, worker, attempt, phase and text; what there is not is null.";
    }
}

pub(super) mod proxy {
    use super::expects;
    keys! {
        KIND: "kind", "\"builtin\", \"tailscale\" or \"command\"", "\"builtin\"", "Which proxy it is.";
        LISTEN: "listen", expects::LISTEN, "\"127.0.0.1:1055\"",
            "Where it listens. Beyond loopback only the builtin one, and only with auth.";
        SYSTEMD: "systemd", expects::SYSTEMD, "{}", "Of its service, as in [workers.NAME]. The builtin one is confined to what its work needs; \
             what is said here takes the place of that.";
    }
}

pub(super) mod builtin {
    use super::expects;
    keys! {
        AUTH: "auth", expects::CREDENTIAL, "everybody who can connect" as in "\"/etc/loopkeeper/proxy-users\"",
            "A file of user:password lines, by its path, or by the name of a credential of loopkeeper.service \
             (LoadCredential=NAME:PATH in its unit). Another text in it counts two seconds later; connections go on.";
        ALLOW: "allow", expects::DESTINATIONS, "[]", "If not empty, the only destinations that may be reached.";
        DENY: "deny", expects::DESTINATIONS, "[]", "Destinations that may not be reached; wins over allow.";
        UPSTREAM: "upstream", expects::HOST_PORT, "none" as in "\"127.0.0.1:1080\"", "A SOCKS5 server through which everything goes.";
        MAX_CONNECTIONS: "max_connections", "a whole number from 1 to 1000000", "1024", "Connections at one time; a client that asks for one more is refused.";
        IDLE: "idle", expects::DURATION, "\"1h\"", "A connection without a byte for so long is closed.";
        HANDSHAKE: "handshake", expects::DURATION, "\"10s\"", "How long a client may take to say where it wants to go.";
        CONNECT: "connect", expects::DURATION, "\"30s\"", "How long a connection to a destination may take.";
        DRAIN: "drain", "a duration such as \"30s\", or \"0s\"", "\"30s\"",
            "How long open connections may go on when it is stopped.";
    }
}

pub(super) mod tailscale {
    use super::expects;
    keys! {
        STATE: "state", expects::PATH, "required" as in "\"/var/lib/loopkeeper/tailscale\"", "The state directory of tailscaled.";
        AUTH_KEY: "auth_key", expects::CREDENTIAL, "logged in already" as in "\"/etc/loopkeeper/tailscale-key\"", "The key with which it joins the tailnet.";
        HOSTNAME: "hostname", "letters, digits and '-'", "the host's name" as in "\"pi\"", "Its name in the tailnet.";
        ARGUMENTS: "arguments", "an array of strings", "[]", "More arguments for tailscaled.";
    }
}

pub(super) mod proxy_command {
    use super::expects;
    keys! {
        COMMAND: "command", expects::COMMAND, "required" as in "[\"ssh\", \"-N\", \"-D\", \"127.0.0.1:1055\", \"gateway\"]", "What is run; it has to listen at listen.";
        WORKDIR: "workdir", expects::DIRECTORY, "the file's directory" as in "\"/srv\"", "Where it is run.";
        ENVIRONMENT: "environment", expects::ENVIRONMENT, "{}", "Added to its environment.";
        READY: "ready", expects::READY, "a SOCKS handshake at listen" as in "{ socks = \"127.0.0.1:1055\" }", "How it is known to be ready.";
    }
}

pub(super) mod plan {
    keys! {
        RESUME: "resume", "\"on-boot\" or \"manual\"", "\"on-boot\"",
            "After a boot: go on at the resume point, or wait for supervisorctl resume.";
        QUIESCE: "quiesce", "a duration such as \"10m\", or \"0s\"", "\"10m\"",
            "How long the end of a phase waits for a safe point of those that it stops and that have a worktree. Each is let go on until \
             nothing in its worktree is half-done (no git at work, nothing uncommitted, nothing that is not on its remote), and is stopped there. When that \
             time is over, the plan goes on all the same, and who was not at a safe point is told. 0s: nobody is waited for. \
             What is no checkout of git has no safe point, and a damaged one is at none; `supervisorctl phase set ID` does not wait.";
        PHASES: "phases", "phases, as in [[plan.phases]]", "[]", "The phases, in order.";
    }
}

pub(super) mod phase {
    use super::expects;
    keys! {
        ID: "id", "1 to 48 letters, digits, '.', '_' and '-'", "required" as in "\"1a\"", "Its name, unique in the plan.";
        BRIEF: "brief", expects::PATH, "none" as in "\"docs/1a.md\"", "The file that the loops are pointed to.";
        UNTIL: "until",
            "\"operator\", { file = … }, { file = …, line = … } or { command = …, every = … }", "\"operator\"",
            "When it is over.";
    }
}

pub(super) mod until {
    use super::expects;
    keys! {
        FILE: "file", expects::PATH, "none" as in "\"docs/1a.done\"", "Over when this file exists.";
        LINE: "line", "the one line that the file must have", "none" as in "\"1a: done\"", "Over when the file has this line.";
        COMMAND: "command", expects::COMMAND, "none" as in "[\"curl\", \"--fail\", \"https://ci.example.org/1e\"]",
            "Over when it exits with 0. It runs as the daemon's user, in the directory of the configuration: for what is the loops' to change, runuser(1).";
        EVERY: "every", expects::EVERY, "\"1m\"", "From the end of one try of the command to the next. The phase is over when two in a row have said so; the second comes after a minute at the latest.";
    }
}

pub(super) mod rules {
    use super::expects;
    keys! {
        RESTART: "restart", "\"always\", \"on-failure\" or \"never\"", "\"always\"",
            "When it is started again after it ended by itself.";
        BACKOFF: "backoff", "a table such as { first = \"1s\", most = \"5m\" }", "as below" as in "{ first = \"1s\", most = \"5m\", jitter = 20, healthy = \"1m\" }", "The delay before a restart.";
        BUDGET: "budget", "a table such as { restarts = 10, window = \"10m\" }", "as below" as in "{ restarts = 10, window = \"10m\" }",
            "How many restarts, before it is held: not started any more until supervisorctl start, another definition of it or the next boot; and how much it may spend in a day.";
        STOP: "stop", "a table such as { signal = \"SIGTERM\", grace = \"10s\" }", "as below" as in "{ signal = \"SIGTERM\", grace = \"10s\" }", "How it is stopped.";
        ON: "on", "\"local\" or a NAME of [hosts.NAME]", "\"local\"",
            "The machine on which it runs: that of the supervisor, or one that ssh reaches, where it is in tmux. Paths and programs of one that \
             is elsewhere are those there: relative paths begin at the home directory, a relative program at workdir. It has no agent, secrets, alive or systemd \
             there yet, no worktree with a repo, and of ready only output; what [defaults] say of launcher and systemd does not hold for it.";
        LAUNCHER: "launcher", "\"auto\", \"systemd\", \"tmux\" or \"process\"", "\"auto\"",
            "How it is started: tmux has a terminal that people can attach to, process and systemd have none, auto is tmux for loops and process for services. Where systemd runs the supervisor each is a service of its own, loopkeeper-WORKER.service; systemd is not started elsewhere.";
        ENVIRONMENT: "environment", expects::ENVIRONMENT, "{}", "Added to the environment of the worker.";
        SYSTEMD: "systemd", expects::SYSTEMD, "{}", "Of the worker's service, under systemd's own names (systemd.exec(5), systemd.resource-control(5)): \
             its user, how much it may have, what it may do. Each of them takes the place of the one in \
             [defaults]. What is not said is open to it, but for three capabilities when the daemon is root's: setting the clock, \
             the memory of devices and process accounting (CapabilityBoundingSet). Where the daemon is not run by systemd, a worker that says more than how much \
             it may have is not started, and `supervisorctl status` says that limits are not kept.";
        KEEP_OUTPUT: "keep_output", "a size of at least 64KiB, such as \"16MiB\"", "\"16MiB\"",
            "How much of the file of an attempt's output is kept. Of what is in the journal, journald keeps as much as journald.conf(5) says.";
        KEEP_ATTEMPTS: "keep_attempts", "a whole number from 1 to 100000", "20", "How many ended attempts are kept.";
    }
}

pub(super) mod host {
    use super::expects;
    keys! {
        SSH: "ssh", "a destination such as \"me@build.example.org:22\"", "required" as in "\"me@build.example.org\"",
            "Whom ssh connects to: host, user@host, user@host:port, [address]:port, or ssh://user@host:port. The host may be an alias of ssh_config(5).";
        SSH_CONFIG: "ssh_config", expects::PATH, "none" as in "\"ssh_config\"",
            "The ssh_config(5) that counts in the place of that of the daemon's user and of the machine's.";
        IDENTITY: "identity", expects::PATH, "those that ssh knows of" as in "\"/run/secrets/build-key\"",
            "The file of the private key that is shown.";
        PATH: "path", "a path there: absolute, or relative to the home directory there", "\".loopkeeper\"",
            "The directory there below which the records of its workers lie.";
        ENVIRONMENT: "environment", expects::ENVIRONMENT, "{}",
            "Added to the environment of each worker there. It wins over that of [defaults], and that of a worker over it.";
        PROXY: "proxy", "true or false", "false", "Whether it is reached through the proxy of the rig.";
    }
}

pub(super) mod worker {
    use super::expects;
    keys! {
        COMMAND: "command", expects::COMMAND, "that which starts its agent; required without one" as in "[\"./loop.sh\", \"--fast\"]",
            "What is run. A program without a / is looked up in PATH, one with a / is relative to workdir.";
        KIND: "kind", "\"loop\" or \"service\"", "\"loop\"",
            "A loop works on the plan; a service runs whatever the phase.";
        WORKDIR: "workdir", expects::DIRECTORY, "worktree, else the file's directory or, on another host, the home directory there" as in "\"/srv/builder\"", "Where it is run.";
        WORKTREE: "worktree", "the path of a directory, or a table such as { path = \"/srv/builder\", repo = \"ssh://git@host/x.git\" }", "none" as in "\"/srv/builder\"", "The checkout it works in; no two workers of one machine share one. With a repo it is made and repaired.";
        REQUIRES: "requires", "an array of workers' names", "[]", "Workers that must be ready before it starts.";
        READY: "ready", expects::READY, "ready as soon as it runs" as in "{ tcp = \"127.0.0.1:8080\" }", "How it is known to be ready.";
        ALIVE: "alive",
            "a table with one of socks, tcp and command, such as { tcp = \"127.0.0.1:8080\" }",
            "being alive is enough" as in "{ tcp = \"127.0.0.1:8080\" }", "How it is known to be still well.";
        AGENT: "agent", "\"claude\", \"codex\", \"aider\", \"shell\", \"generic\", or a NAME of [agents.NAME]", "nobody looks at its screen" as in "\"claude\"",
            "The program in its terminal. Then its screen is looked at, and supervisorctl status says what it does: \
             works, waits for a word, asks, is at its usage limit, has no answer from its provider, or stalls. \
             It needs a terminal: launcher = \"tmux\", or auto for a loop.";
        CONVERSATION: "conversation", "\"new\", \"kept\" or \"phase\"", "kept without command, else new" as in "\"kept\"",
            "Whether an agent goes on with its conversation when it is started again, after its end, a crash or a reboot: \
             a new one at each start, as the command says; the same one, also over phases; the same one, with a new one in each phase. \
             For that the arguments of [agents.NAME.session] are added to the command. The id is kept in the database; \
             `supervisorctl forget WORKER` lets the next start begin a new one.";
        WATCH: "watch", "a table such as { every = \"30s\", slow = \"1h\", stuck = \"2h\" }", "as below" as in "{ every = \"30s\", slow = \"1h\", stuck = \"2h\" }",
            "How an agent is looked at.";
        SAY: "say", "a table such as { start = \"Read {{ brief }} and begin.\" }", "nothing" as in "{ start = \"Read {{ brief }} and begin.\" }",
            "What an agent is told by itself.";
        LIMIT: "limit", "a table such as { margin = \"1m\", again = \"30m\" }", "as below" as in "{ wake = true, margin = \"1m\", again = \"30m\" }",
            "What is done when an agent has reached its usage limit.";
        HANDOFF: "handoff", "a table such as { to = \"adversary\", rounds = 5 }", "it claims none" as in "{ to = \"adversary\", rounds = 5 }",
            "Who verifies the gates that it claims.";
        UNSTICK: "unstick", "a table such as { again = \"15m\", tries = 2 }", "as below for an agent with a conversation, else nothing" as in "{ nudge = true, again = \"15m\", tries = 2 }",
            "What is done when an agent does nothing any more. One without a conversation, as a shell or a generic one, may take a text for a command: of that nothing is typed unless this is there.";
        BREAKER: "breaker", "a table such as { rounds = 5, again = \"30m\" }", "all rounds may come to nothing" as in "{ rounds = 5, again = \"30m\" }",
            "How many rounds of an agent may come to nothing. Only who declares it knows whether a round has to leave a commit: those of a reviewer do not.";
        PHASES: "phases", "an array of phases' ids", "all of them" as in "[\"1a\", \"1b\"]", "The phases it runs in.";
        ON_PHASE: "on_phase", "\"restart\" or \"keep\"", "restart for loops, keep for services" as in "\"restart\"",
            "What a change of phase does to it: begin anew, or nothing, so that what has finished stays so.";
        SECRETS: "secrets", "a table of files, such as { gitea = \"/run/secrets/gitea\" }", "{}" as in "{ gitea = \"/run/secrets/gitea\" }",
            "Files that it finds under these names in the directory $CREDENTIALS_DIRECTORY, as they were when it \
             was started: a credential of its service (systemd.exec(5), LoadCredential=) or, where the daemon \
             is not run by systemd, a copy in the runtime directory that only its user can read. Who is started before \
             one can be read is tried again until it can be. systemd hands over 1 MiB at most, all of a worker's with their names.";
        ENVIRONMENT_FROM: "environment_from", "an array of names of the worker's secrets, such as [\"gitea\"]", "[]",
            "Secrets that it finds in its environment as well, for programs that want them there: gitea in $GITEA, \
             gitea-token in $GITEA_TOKEN, without the newline at the end; of less than 128 KiB each. One takes the place of a variable of [defaults]. What runs as the same user can read them there.";
        ON_SECRET_CHANGE: "on_secret_change", "\"restart\", \"ignore\" or a signal such as \"SIGHUP\"", "\"restart\"",
            "When what is in a secret's file changed: begin anew with it, go on with the old one, or send its \
             process a signal. A signal is for a program that reads the file in its own place: \
             $CREDENTIALS_DIRECTORY and the environment stay as they were at the start.";
    }
}

pub(super) mod worktree {
    use super::expects;
    keys! {
        PATH: "path", expects::DIRECTORY, "required" as in "\"/srv/builder\"", "Where it is.";
        REPO: "repo", "a URL or a path that git clone takes", "required" as in "\"ssh://git@host/x.git\"",
            "From where it is made. A path begins at the file's directory. What logs in there is the user's own: its ssh keys, its credential helpers.";
        BRANCH: "branch", "the name of a branch", "the repository's own; required as a worktree" as in "\"main\"",
            "What is checked out when it is made. Of a clone, the repository has to have it; of a worktree, a branch that is not there yet begins where the repository is.";
        AS: "as", "\"clone\" or \"worktree\"", "\"clone\"",
            "A clone of its own, to which others have to push; or one more worktree of a repository that is on this machine and that the worker's user may write to (git-worktree(1)), with all its commits and branches.";
    }
}

pub(super) mod backoff {
    use super::expects;
    keys! {
        FIRST: "first", "a duration such as \"1s\", or \"0s\"", "\"1s\"", "Before the first restart; doubled with each one in a row.";
        MOST: "most", expects::DURATION, "\"5m\"", "The longest delay.";
        JITTER: "jitter", "percent, a whole number from 0 to 100", "20", "Moves the delay by up to so much either way.";
        HEALTHY: "healthy", expects::DURATION, "\"1m\"", "Ready for so long, and the delay begins at first again.";
    }
}

pub(super) mod budget {
    use super::expects;
    keys! {
        RESTARTS: "restarts", "a whole number from 0 to 1000000", "10", "Restarts that are allowed within window.";
        WINDOW: "window", expects::DURATION, "\"10m\"", "The sliding window they are counted in.";
        TURNS: "turns", "a whole number from 1 to 1000000", "as many as it likes" as in "500",
            "Turns of its agent in a day of the machine's zone. They are read where the screen says them (agents.NAME.turns), else counted. More, and it is held until the next day, once its turn is over, or after ten minutes; supervisorctl start gives it as much again.";
        TIME: "time", expects::DURATION, "as long as it likes" as in "\"10h\"", "How long it may run in a day, likewise; 24h at most.";
        COST: "cost", "an amount in dollars, such as 20 or 7.5", "as much as it likes" as in "20.0", "What its agent may cost in a day, likewise, as its screen says it (agents.NAME.cost): of one that says it only when it is asked nothing is known until then.";
    }
}

pub(super) mod stop {
    keys! {
        SIGNAL: "signal", "a signal such as \"SIGTERM\"", "\"SIGTERM\"", "Asks the whole tree to end.";
        GRACE: "grace", "a duration such as \"10s\", or \"0s\"", "\"10s\"", "After it, SIGKILL to what is left.";
    }
}

pub(super) mod probe {
    use super::expects;
    keys! {
        SOCKS: "socks", expects::HOST_PORT, "none" as in "\"127.0.0.1:1080\"", "A SOCKS5 server answers there.";
        TCP: "tcp", expects::HOST_PORT, "none" as in "\"127.0.0.1:8080\"", "Something accepts connections there.";
        COMMAND: "command", expects::COMMAND, "none" as in "[\"curl\", \"--fail\", \"http://127.0.0.1:8080/\"]", "The command exits with 0. It runs as the worker's user, in its workdir.";
    }
}

pub(super) mod ready {
    use super::expects;
    keys! {
        FILE: "file", expects::PATH, "none" as in "\"ready\"", "The file exists and is not from an earlier attempt.";
        OUTPUT: "output", "a regular expression", "none" as in "\"^listening\"", "A line of its output matches.";
        EVERY: "every", expects::EVERY, "\"500ms\"", "From one look to the next.";
        TIMEOUT: "timeout", expects::DURATION, "\"1m\"", "Not ready by then counts as a failed start.";
    }
}

pub(super) mod alive {
    use super::expects;
    keys! {
        EVERY: "every", expects::EVERY, "\"30s\"", "From one look to the next.";
        FAILURES: "failures", "a whole number from 2 to 1000", "3", "So many bad looks in a row, and it is restarted.";
    }
}

pub(super) mod watch {
    use super::expects;
    keys! {
        EVERY: "every", expects::EVERY, "\"30s\"", "From one look to the next.";
        SLOW: "slow", expects::DURATION, "\"1h\"", "Without a sign of work for so long, status says so, and one whose screen shows nothing that is known is unknown.";
        STUCK: "stuck", expects::DURATION, "\"2h\"", "Without a sign of work for so long, it is stalled. Who says one of slow and stuck has the other one half or twice as long.";
        HEARTBEAT: "heartbeat", expects::PATH, "none" as in "\"heartbeat\"", "A file that it touches as a sign of work.";
    }
}

pub(super) mod say {
    use super::expects;
    keys! {
        START: "start", expects::TEMPLATE, "nothing" as in "\"Read {{ brief }} and begin phase {{ phase }}.\"",
            "After a start for which none of the others is there, or applies: the first one, or one that the operator asked for.";
        REBOOT: "reboot", expects::TEMPLATE, "the next of them that applies" as in "\"The machine rebooted at {{ rebooted_at }}. Go on with phase {{ phase }}.\"",
            "After the first start in a new boot, where it had run before.";
        CRASH: "crash", expects::TEMPLATE, "the next of them that applies" as in "\"You ended with {{ exit }}. Look at what is there, and go on.\"",
            "After a start that follows on one that ended by itself, or was stopped as failed.";
        PHASE: "phase", expects::TEMPLATE, "the next of them that applies" as in "{ file = \"brief.txt\" }",
            "When another phase began: after the start that follows, or, with on_phase = \"keep\", as soon as it waits for a word.";
    }
}

pub(super) mod say_file {
    use super::expects;
    keys! {
        FILE: "file", expects::PATH, "required" as in "\"brief.txt\"",
            "A file with the template, read when the configuration is: another content counts from the next reload. The newline at its end does not.";
    }
}

pub(super) mod handoff {
    keys! {
        TO: "to", "the name of another worker with an agent", "required" as in "\"adversary\"",
            "Who is told of each claim, verifies it, and says pass or back.";
        ROUNDS: "rounds", "a whole number from 1 to 1000", "5",
            "What is said to be wrong in the last of so many rounds does not go back any more: a person is asked, by the event handoff-rounds, which is an error.";
    }
}

pub(super) mod unstick {
    use super::expects;
    keys! {
        NUDGE: "nudge", "true or false", "true", "It is typed to when it stalls, or has no answer from its provider.";
        TEXT: "text", "a text that can be typed, at most 64 KiB", "\"You seem to have stopped. Go on where you are; if you cannot, say what you need.\"", "What is typed.";
        AGAIN: "again", expects::DURATION, "\"15m\"",
            "How long after a text there may be no sign of work, before it is tried again. Where the provider does not answer: before the first text as well, and twice as long after each, up to an hour. At least a second.";
        TRIES: "tries", "a whole number from 1 to 100", "2",
            "So many texts that change nothing, and then is done. Where the provider does not answer there is no end of them, and the third in a row is told as an error.";
        IDLE: "idle", expects::DURATION, "it may wait for somebody" as in "\"10m\"",
            "After so long at its input line, with the plan not over, it is given the text, too. Not more than tries times in a row without a commit in its worktree or, where none is seen, without as much work: then a person is told.";
        THEN: "then", "\"tell\" or \"restart\"", "\"tell\"",
            "What is done about a stall at last: a person is told, or it is also stopped as failed and started again.";
    }
}

pub(super) mod breaker {
    use super::expects;
    keys! {
        ROUNDS: "rounds", "a whole number from 1 to 1000000", "5", "So many in a row, and it is held for a while.";
        AGAIN: "again", expects::DURATION, "\"30m\"", "How long, before one is tried. With each that comes to nothing the next is tried twice as long after, up to six hours; one that comes to something ends it.";
    }
}

pub(super) mod limit {
    use super::expects;
    keys! {
        WAKE: "wake", "true or false", "true", "It is woken when its limit is over, by a text that is typed.";
        TEXT: "text", "a text that can be typed, at most 64 KiB", "\"Your usage limit is over. Go on where you stopped.\"", "What is typed.";
        MARGIN: "margin", "a duration such as \"1m\", or \"0s\"", "\"1m\"", "How long after the end that its screen names.";
        AGAIN: "again", expects::DURATION, "\"30m\"",
            "From one try to the next: when it is at its limit still, or could not be woken. It is also how long is waited where the screen names no end, or one that is more than 32 days away. At least a second.";
        ACCOUNT: "account", "1 to 64 letters, digits, '.', '_' and '-'", "its own" as in "\"team\"",
            "Whose limit it is. Workers of one account are woken one by one: the next when the one before was seen to go on, could not be woken, or ended; and where it found another limit, all wait for that.";
    }
}

pub(super) mod agent {
    use super::expects;
    keys! {
        EXTENDS: "extends", "\"claude\", \"codex\", \"aider\", \"shell\" or \"generic\"", "a known one of the same name, else none" as in "\"generic\"",
            "A known agent, as it is in the program: of what is not said here, its words hold, and its patterns are tried after those here.";
        REPLACE: "replace", "an array of \"question\", \"menu\", \"busy\", \"limit\", \"outage\" and \"crash\"", "[]", "The patterns of which those that it extends do not count.";
        PROGRAMS: "programs", "an array of strings", "those that it extends" as in "[\"mytool\"]",
            "The names that its process may have, as ps -o comm shows them. Nothing is typed to another one. None: every program will do.";
        START: "start", "an array of strings", "that which it extends" as in "[\"mytool\"]", "The command that starts it, without the arguments of its session, for workers that say no command.";
        SESSION: "session", "a table such as { by = \"kept\", resume = [\"--continue\"] }", "that which it extends" as in "{ by = \"nobody\" }", "How its conversation is known again.";
        TYPING: "typing", "a table such as { submit = \"Enter\" }", "that which it extends" as in "{ submit = \"Enter\" }", "How text is entered.";
        INPUT: "input", "a table such as { line = '^> ?(?P<typed>.*)$' }", "that which it extends" as in "{ line = '^> ?(?P<typed>.*)$' }", "Where its input line is.";
        ENTRY: "entry", expects::REGEX, "that which it extends" as in "'^[*>] '", "What an entry of its transcript begins with.";
        REACH: "reach", "a whole number from 1 to 1000", "that which it extends, else 16" as in "16", "How many written lines above the input line may say what it does.";
        QUESTION: "question", expects::SHOWS, "those that it extends" as in "[{ line = '^(?P<question>Shall I .*\\?)$' }]", "It asks, and goes on only when it is answered.";
        MENU: "menu", expects::SHOWS, "those that it extends" as in "[{ line = '^1[.] Wait for the limit' }]", "It asks what to do about its usage limit.";
        BUSY: "busy", expects::SHOWS, "those that it extends" as in "[{ line = '^working' }]", "It works.";
        LIMIT: "limit", expects::SHOWS, "those that it extends" as in "[{ line = '^limit reached, resets ' }]", "Its usage limit is reached. When that ends is read from the same line.";
        OUTAGE: "outage", expects::SHOWS, "those that it extends" as in "[{ line = '^no answer from ' }]", "Its provider does not answer.";
        CRASH: "crash", expects::SHOWS, "those that it extends" as in "[{ line = '^panic: ' }]", "Its program is over.";
        COST: "cost", "a regular expression with (?P<cost>...)", "that which it extends" as in "'^cost: [$](?P<cost>[0-9.]+)'", "What it has cost, in dollars: for workers.NAME.budget.";
        TURNS: "turns", "a regular expression with (?P<turns>...)", "that which it extends" as in "'^turn (?P<turns>[0-9]+)'", "How many turns it has had: for workers.NAME.budget.";
        MOVING: "moving", expects::REGEXES, "those that it extends" as in "['^[|/-] ']", "Lines that move while nothing is done, such as a spinner: a change of them is no sign of work.";
    }
}

pub(super) mod agent_session {
    keys! {
        BY: "by", "\"nobody\", \"chosen\", \"shown\" or \"kept\"", "required" as in "\"nobody\"",
            "Who makes the id of a conversation: nobody, we, so that it is given with start and resume, the program, which shows it, or the program, which keeps it for itself. Workers with conversation = \"kept\" or \"phase\" go by it.";
        START: "start", "an array of strings", "none" as in "[\"--session\", \"{session}\"]", "The arguments of a first start, with {session} where the id goes.";
        RESUME: "resume", "an array of strings", "none" as in "[\"--continue\"]", "The arguments that go on with it, with {session} where the id goes; by \"kept\", without.";
        SHOWN: "shown", "an array of regular expressions with (?P<session>...)", "none" as in "['^session (?P<session>[0-9a-f-]+)$']", "Where the id is shown.";
    }
}

pub(super) mod agent_typing {
    keys! {
        BRACKETED: "bracketed", "true or false", "that which it extends, else true" as in "true", "As a bracketed paste, so that line breaks submit nothing.";
        SUBMIT: "submit", "a key as tmux calls it, such as \"Enter\" or \"C-m\"", "that which it extends, else Enter" as in "\"Enter\"", "The key that submits.";
        ESCAPE: "escape", "true or false", "that which it extends, else false" as in "false", "Escape is pressed before, to leave whatever is open.";
        INTERRUPT: "interrupt", "a key as tmux calls it, such as \"Escape\" or \"C-c\"", "that which it extends, else none" as in "\"Escape\"", "The key that ends what it does, and nothing else. It is pressed once before the text of each try but the first to unstick one that stalls, if its screen says that it works.";
    }
}

pub(super) mod agent_input {
    use super::expects;
    keys! {
        LINE: "line", "a regular expression with (?P<typed>.*)", "that which it extends; required without" as in "'^> ?(?P<typed>.*)$'", "The line; typed is what stands on it.";
        BOXED: "boxed", "true or false", "that which it extends, else false" as in "true", "It stands between two rules, or in a box.";
        MORE: "more", expects::REGEX, "that which it extends" as in "'^[.]{3} (?P<typed>.*)$'", "Further lines of what is typed, where there is no box.";
        PLACEHOLDER: "placeholder", expects::REGEXES, "those that it extends" as in "['^Type here']", "What the program itself puts on an empty line.";
        PASTED: "pasted", expects::REGEX, "that which it extends" as in "'^\\[pasted [0-9]+ lines\\]'", "What it shows there in the place of a long text.";
        BELOW: "below", expects::REGEXES, "those that it extends" as in "['^[?] for help']", "What may stand below it.";
    }
}

pub(super) mod agent_shows {
    use super::expects;
    keys! {
        LINE: "line", expects::REGEX, "required" as in "'^working'", "Matches a line. Of a question, (?P<question>...) is what is asked.";
        WITH: "with", expects::REGEXES, "[]", "Each of these has to match another line.";
        LIVE: "live", "true or false", "false", "It says what happens right now, so it holds though the agent looks busy.";
        BELOW: "below", "true or false", "false", "It stands below the input line.";
        LAST: "last", "true or false", "true of limit, outage and crash, else false" as in "true", "It counts only where no entry of the transcript comes after it.";
        KEY: "key", "a key as tmux calls it, such as \"Escape\"", "none" as in "\"Escape\"", "Of menu: the key that leaves it and chooses nothing. It is pressed once, before the text that wakes an agent whose limit is over; without it a person has to answer.";
    }
}

macro_rules! sections {
    ($($constant:ident: $name:literal, $about:literal, [$($group:ident),+];)+) => {
        $(pub(super) const $constant: &Section = &Section {
            name: $name,
            about: $about,
            groups: &[$($group::KEYS),+],
        };)+
        /// Every table of the file.
        pub const SECTIONS: &[&Section] = &[$($constant),+];
    };
}

sections! {
    TOP: "", "The whole file. It has at least one worker or a proxy.", [top];
    RIG: "rig", "The rig as a whole.", [rig];
    NOTIFY: "rig.notify", "What is run for what an operator should hear of, such as a reboot or a held worker. A command alone, notify = [\"mail\", \"-s\", \"rig\", \"root\"], is a table with that command.", [notify];
    BUILTIN: "proxy", "The SOCKS5 proxy, kind = \"builtin\"; without this table there is none, an empty one is enough.", [proxy, builtin];
    TAILSCALE: "proxy", "With kind = \"tailscale\", a userspace tailscaled.", [proxy, tailscale];
    PROXY_COMMAND: "proxy", "With kind = \"command\", any other SOCKS5 proxy.", [proxy, proxy_command];
    PLAN: "plan", "The phases the loops work through.", [plan];
    PHASE: "plan.phases", "One phase, as [[plan.phases]].", [phase];
    UNTIL: "plan.phases.until", "When a phase is over: file (with line or not), or command. With until = \"operator\": when the operator says so, by supervisorctl phase done.", [until];
    HOST: "hosts.NAME", "Another machine on which workers run, for those with on = \"NAME\". It is reached by ssh, which has to know its key already and to come in without a question.", [host];
    DEFAULTS: "defaults", "What holds for every declared worker that does not say otherwise.", [rules];
    WORKER: "workers.NAME", "One worker, called NAME.", [worker, rules];
    BACKOFF: "workers.NAME.backoff", "The delay before a restart.", [backoff];
    BUDGET: "workers.NAME.budget", "How often it may be restarted, and how much it may spend in a day.", [budget];
    STOP: "workers.NAME.stop", "How it is stopped.", [stop];
    WORKTREE: "workers.NAME.worktree", "The checkout that it works in. A path alone, worktree = \"/srv/builder\", is yours to make; \
        while its file system is not mounted, it counts as one that was never made, in which nothing is half-done. \
        With a repo it is a checkout that is made and repaired, by git and as the worker's user, before each start. \
        One that is not there, or is an empty directory, is made beside its place, so its user has to be able to write to the directory above, and then moved there. In one that is there, what a \
        killed git left behind is put right: locks, the link of a worktree to its repository, what its branch follows. Nothing in it is reset, cleaned or checked out, and nothing with content is removed: \
        a rebase that is under way, another branch, and another origin are left as they are, and told. What is neither empty nor a checkout of git is not touched, and the worker waits; so it does while the file system is not mounted on which it was last seen.", [worktree];
    READY: "workers.NAME.ready", "How it is known to be ready: exactly one of the first five.", [probe, ready];
    WATCH: "workers.NAME.watch", "How an agent is looked at. A sign of work is a change of its screen that is more than a spinner or a clock, a commit in its worktree, a touched heartbeat, or a process of it that computes.", [watch];
    SAY: "workers.NAME.say", "What an agent is told by itself, once for each occasion, when it waits for a word at its input line. Of several that apply, it is the one that comes first in reboot, phase, crash, start. Each is a template, as in Jinja: \
        {{ NAME }}, {% if NAME %} ... {% endif %}, and the filters capitalize, indent, length, lower, replace, trim and upper. There are worker, rig, restarts (in this boot); with a plan phase, phase_number (from 1), phase_count and brief (empty where the phase has none; phase too, where the plan is complete); \
        in phase previous_phase; in crash exit, such as exit code 7; in reboot rebooted_at, down_for, clean (for {% if clean %}), reboot_count, and report, which says all of it in several lines. What is not there is a mistake.", [say];
    SAY_FILE: "workers.NAME.say.phase", "A template in a file of its own; so may the others be.", [say_file];
    LIMIT: "workers.NAME.limit", "What is done when an agent has reached its usage limit. It is woken at the end that its screen names, if that is still its state then, and nobody types there.", [limit];
    HANDOFF: "workers.NAME.handoff", "Who verifies the gates that this worker claims. It says `supervisorctl handoff claim GATE` in its own terminal, and the other one is told by its inbox. What came of it is told back in the same way.", [handoff];
    UNSTICK: "workers.NAME.unstick", "What is done when an agent does nothing any more: it is given a word, and looked at. Only where two looks agree that it stalls, has no answer from its provider, or waits, where one of the same moment still says so, and where nobody types there. What it asks is left to people.", [unstick];
    BREAKER: "workers.NAME.breaker", "How many rounds of an agent may come to nothing. A round is a turn of it, or an attempt that ended by itself; it came to something by a commit in its worktree or, where none was ever seen, by another screen.", [breaker];
    ALIVE: "workers.NAME.alive", "How it is known to be still well: exactly one of the first three.", [probe, alive];
    AGENT: "agents.NAME", "What is known of one kind of agent, for workers with agent = \"NAME\". Of a NAME that is known, only what is said here is different. Regular expressions are those of the regex crate, best in single quotes: '^> '.", [agent];
    AGENT_SESSION: "agents.NAME.session", "How its conversation is known again.", [agent_session];
    AGENT_TYPING: "agents.NAME.typing", "How text is entered.", [agent_typing];
    AGENT_INPUT: "agents.NAME.input", "Where its input line is, and what on it nobody has typed.", [agent_input];
    AGENT_SHOWS: "agents.NAME.busy", "What its screen shows while it works; of question, menu, limit, outage and crash, the same.", [agent_shows];
}
