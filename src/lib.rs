//! Loopkeeper keeps loops running: agent loops, CI runs and the machines they use keep going
//! through crashes, upgrades and reboots.
//!
//! # Map
//!
//! ```text
//!  supervisorctl ── unix socket, JSON lines ──► loopkeeperd
//!   (cli)              (control)                   │
//!                                    event ─► decide ─► effects ─► perform ─► event …
//!                                             (decide)              (daemon)
//! ```
//!
//! | folder | what is in it |
//! |---|---|
//! | [`model`] | the words: names, boots, attempts, what hosts say of them, exits, signals, states |
//! | [`config`] | `loopkeeper.toml`, checked before anything starts; what a reload changes |
//! | [`decide`] | the rules, pure: lives of workers, the plan, commands |
//! | [`agent`] | what the screen of an agent's terminal says, pure: profiles, limits, questions |
//! | [`checkout`] | what git says of a worktree: whether its work is at a safe point; how one is made and put right |
//! | [`host`] | this machine as its kernel tells of it: boots, processes, files |
//! | [`launch`] | how an attempt is started, recognised, watched and ended: services, processes, tmux |
//! | [`cutover`] | a rig's past and its place in the plan, packed for another machine |
//! | [`inbox`] | directories whose files are typed to agents |
//! | [`handoff`] | directories in which loops and people ask for steps of gates |
//! | [`store`] | what no host can tell: resume point, boots, budgets, history |
//! | [`daemon`] | the one loop that turns the world into events and performs effects |
//! | [`proxy`] | the SOCKS proxy, a process of its own |
//! | [`ssh`] | other hosts: one connection to each, which is kept, and what is run over it |
//! | [`control`] | the socket between `supervisorctl` and the daemon |
//! | [`cli`] | what a person types, and what is shown |
//! | [`demo`] | a whole rig in a temporary directory, to look at |
//! | [`systemd`] | sd_notify, the service manager over D-Bus, the unit that is generated, what the journal's events mean |
//! | [`paths`] | where everything lies |
//! | [`causes`] | errors on one line |
//! | `outbox` | what a process says, on its way to who may not listen |
//! | `moment` | what is somebody else's only for a moment |
//! | `nearest` | the name that was meant by a misspelt one |
//! | `foreign` | directories of other users, and what is left in them |
//! | `fault` | points at which test builds die |
//!
//! Imports run downwards: `bin`, `cli` and `daemon` use everything, [`store`], [`inbox`], [`handoff`] and [`control`] use
//! [`decide`]'s data, as [`checkout`] does, [`cutover`] the first three, [`decide`] uses only the data of [`config`] and [`agent`], and [`model`] (its
//! scenarios, which are tests, also the real [`store`]), [`launch`] uses [`host`] and [`agent`], [`checkout`] uses [`launch`];
//! [`ssh`] uses [`host`], the runner of [`launch`] and one rule of [`decide`]; [`agent`] and [`model`] use nothing.
//!
//! # Processes
//!
//! ```text
//!  loopkeeperd                 the daemon; it may die at any moment
//!    ├─ lk-proxy               the builtin SOCKS proxy, a worker like every other
//!    ├─ a worker               launcher = "process": a child, in a session of its own
//!    ├─ lk-git                 looks at a worktree, makes one, puts one right
//!    ├─ ssh                    the connection to a host, for as long as it is kept; dies with the daemon
//!    │    └─ lk-through        the way there through a SOCKS proxy
//!    └─ a command              probe, end of a phase, notification: short-lived
//!         └─ lk-proxy-ready    looks whether tailscaled's proxy is ready
//!  lk-exec → a worker          run by systemd: a service of its own; lk-exec becomes the worker, as
//!                              it does of every worker that has secrets in its environment
//!  tmux                        one server a worker, with nobody of us above it
//!    ├─ lk-pane                keeps the terminal, writes the exit record
//!    │    └─ a worker          launcher = "tmux"
//!    └─ lk-record              records the terminal, and tells the journal in plain lines
//! ```
//!
//! All that begins with `lk-` is the daemon's executable in another role (`daemon::program`), and is
//! called by it, in `ps` and for `pgrep`: `pkill loopkeeperd` meets the daemon alone. Those who outlive
//! their daemon are known again by their pid and start time, and by `LOOPKEEPER_ATTEMPT_DIR` in their
//! environment ([`launch`]).
//!
//! # Words
//!
//! | word | means |
//! |---|---|
//! | rig | everything that one configuration declares, kept by one daemon |
//! | worker | a declared program that is kept running; the proxy is one |
//! | attempt | one run of a worker, with an id, a directory, an output and, at the end, an exit |
//! | tree | all processes that an attempt has started, wherever they hide |
//! | ended, gone | the attempt's own process is over; nothing of its tree lives |
//! | stray | an attempt that lives and should not, or what is left of one |
//! | held | its budget is used up, and it is not started any more until the operator says so, its definition is another one or the machine boots; where that is one of a day, or its rounds came to nothing, until its time has come |
//! | budget | how many restarts a worker has within a time |
//! | gate | what one worker says it has passed, and another one verifies: claimed, back, passed, or a person's turn |
//! | verdict | what the watchdog holds of a running worker, with its evidence |
//! | phase, resume point | one entry of the plan; where the plan stands |
//! | boot | one life of the machine |
//! | survey | asking the machine which attempts there are, and how they are |
//! | census | all processes of the machine at one moment |
//! | adopt, take over | to watch an attempt that an earlier daemon started |
//! | lease | the lock on a worktree that only one attempt has |
//! | house | how attempts are kept apart: a systemd service, a cgroup, or nothing |
//! | pane | what is between a worker and its tmux server |
//! | fact | what is recorded before anything that rests on it is done |
//!
//! # Who tells the truth
//!
//! What runs is asked of the host: processes, sessions, cgroups. How an attempt ended is in its exit
//! record, in its own directory, written by something that is there even when the daemon is not. The
//! store holds only what no host can tell. A restart of the daemon is: read the store, ask the host,
//! decide. A host that does not answer is *unknown*, and unknown is not dead.
//!
//! # Invariants
//!
//! Through daemons killed at any moment, reboots, clock jumps, results that come late, twice or never,
//! and disks that refuse. `tests/sim` checks them after every event of 10,000 simulated worlds, and in
//! small ones after everything that can happen, in every order, to a depth, and says how much of a night its
//! loops would lose; `tests/daemon` and `tests/lab` show them on the real thing:
//!
//! 1. At most one live attempt of a worker, and in a worktree.
//! 2. No worker is stopped that the operator, the plan, its definition or a verdict did not stop.
//! 3. A recorded resume point never moves back by itself and never skips; nobody is told of a phase
//!    that is not recorded.
//! 4. One record a boot_id, in order.
//! 5. The restart budget is kept across restarts of the daemon.
//! 6. Every command is answered exactly once.
//! 7. A text is typed into a terminal at most once, after it was recorded, and into the attempt alone for
//!    which it was; how it went is told, or that nobody knows. One of an inbox is for whichever attempt
//!    is ready.
//! 8. Nobody is started in a worktree that is being made, and whose worktree is made, only in one that was
//!    seen to for that start.
//! 9. With the faults over, the rig becomes quiet, and everything that should run runs.

pub mod agent;
pub mod causes;
pub mod checkout;
pub mod cli;
pub mod config;
pub mod control;
pub mod cutover;
pub mod daemon;
pub mod decide;
pub mod demo;
mod fault;
mod foreign;
#[cfg(test)]
mod fuzz;
pub mod handoff;
pub mod host;
pub mod inbox;
pub mod launch;
pub mod model;
mod moment;
mod nearest;
mod outbox;
pub mod paths;
pub mod proxy;
pub mod ssh;
pub mod store;
mod sys;
pub mod systemd;
