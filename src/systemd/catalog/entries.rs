//! What there is to say, in the order of a rig's life.

use super::Entry;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        event: "up",
        id: "f147169c91674c8493d018b833aac794",
        subject: "The rig is up",
        text: "The supervisor knows what runs, and has started or tried each worker that should \
               run.\n\n\
               Nothing has to be done. `supervisorctl status` shows the rig.",
    },
    Entry {
        event: "start-refused",
        id: "6edaa6cee53c4161a205f8e037c8224f",
        subject: "The supervisor cannot start",
        text: "The message says why: as a rule there is a mistake in the configuration. Nothing was \
               touched: workers that run in services and sessions of their own go on, and nobody \
               looks after them until the supervisor starts. systemd tries that again each second; \
               it succeeds by itself once the cause is mended.\n\n\
               See every mistake:\n\
               $ supervisorctl check",
    },
    Entry {
        event: "beginning",
        id: "578cb789c61d45c99764296925c027f3",
        subject: "The supervisor begins",
        text: "The message says which version it is, and how the supervisor before ended: in order, \
               or without a goodbye, when it was killed, crashed, or went down with the machine. In \
               both cases it takes over what runs, and learns how the others ended.",
    },
    Entry {
        event: "leaving",
        id: "e0a56530a2754e71ba2b9f104039e531",
        subject: "The supervisor ends",
        text: "It was asked to end: by SIGTERM, as systemctl(1) does it, and its workers go on; \
               or by SIGINT, and it stops them first.\n\n\
               The next supervisor takes over what runs, and learns how the others ended.",
    },
    Entry {
        event: "reboot",
        id: "6c3d2d686991476992c9f151272dd9f0",
        subject: "The machine was rebooted",
        text: "This is the first start of the supervisor in a new boot. The message says how the \
               boot before ended, what ran then and where the plan stood. A boot ended uncleanly \
               when its supervisor said no goodbye: the power failed, the kernel crashed, or the \
               supervisor had been killed before.\n\n\
               The rig goes on at the phase where it was, unless the plan says resume = \
               \"manual\": then `supervisorctl resume` goes on. `supervisorctl reboots` lists all \
               reboots. Why an unclean one happened may stand at the end of the boot before:\n\
               $ journalctl -b -1 -e",
    },
    Entry {
        event: "host-reached",
        id: "0c9b6e1f4a7d4d52b3f08a6e5d21c974",
        subject: "A host answers",
        text: "There is an SSH connection to it, and it has told how everything is that runs there. \
               What ended meanwhile is known from now on.",
    },
    Entry {
        event: "host-lost",
        id: "5e2f7d90b8c64c1f9a35d7e0c4b81f26",
        subject: "A host does not answer any more",
        text: "The SSH connection to it is lost; the message says why. What runs there goes on: its \
               workers are `lost` until the host answers again, none of them is started anywhere else, \
               and what they write is kept there and comes later.\n\n\
               The connection is tried again by itself, at least once a minute.",
    },
    Entry {
        event: "host-rebooted",
        id: "b41d3c6a97ee4f0d8c52f6a1e07b93d5",
        subject: "A host was rebooted",
        text: "Its kernel has begun another life, so everything that ran there is over. Its workers are \
               started there again by the rules that hold for a reboot of this machine.",
    },
    Entry {
        event: "worker-starting",
        id: "eda9cd96953a40d3be22f36caf80343c",
        subject: "Worker @LOOPKEEPER_WORKER@ is being started",
        text: "Attempt @LOOPKEEPER_ATTEMPT@ begins. It counts as running when its `ready` probe \
               says so, or at once where it has none.\n\n\
               What it writes:\n\
               $ supervisorctl logs @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-running",
        id: "b5a7d09e2e7742218d6179765fb77415",
        subject: "Worker @LOOPKEEPER_WORKER@ runs",
        text: "Attempt @LOOPKEEPER_ATTEMPT@ is ready, or was running already and has been taken \
               over from an earlier supervisor.\n\n\
               What it writes:\n\
               $ supervisorctl logs @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-not-ready",
        id: "a8d009281af145078917330a60eba5e3",
        subject: "Worker @LOOPKEEPER_WORKER@ was not ready in time",
        text: "Its `ready` probe did not succeed within its timeout; the message says what the \
               last look found. The attempt is stopped and counts as a failed start.\n\n\
               See what it did:\n\
               $ supervisorctl logs @LOOPKEEPER_WORKER@ --attempt @LOOPKEEPER_ATTEMPT@\n\n\
               If it only needs longer, give it a longer `ready.timeout`, then:\n\
               $ supervisorctl reload",
    },
    Entry {
        event: "worker-sick",
        id: "16f0744ebfce46199748565c844c9294",
        subject: "Worker @LOOPKEEPER_WORKER@ is alive but not well",
        text: "Its `alive` probe failed as many times in a row as `alive.failures` allows; the \
               message says what the last look found. The attempt is stopped and started again, \
               and that counts against its budget.\n\n\
               See what it did:\n\
               $ supervisorctl logs @LOOPKEEPER_WORKER@ --attempt @LOOPKEEPER_ATTEMPT@",
    },
    Entry {
        event: "worker-unseen",
        id: "527d2a96796e4140b547de9969bfc0dc",
        subject: "Worker @LOOPKEEPER_WORKER@ cannot be looked at",
        text: "Its `ready` or `alive` probe cannot be run: its program is not there or is of another \
               machine, or there are not enough processes or open files. The message says which. \
               That says nothing of the worker, which goes on as it is; `supervisorctl status` \
               shows it as degraded until it can be looked at again.",
    },
    Entry {
        event: "worker-asking",
        id: "8514cf222df34d94bf83353232be0dd4",
        subject: "Worker @LOOPKEEPER_WORKER@ asks",
        text: "Its agent goes on only when it is answered; the message says what it asks.\n\n\
               See its screen:\n\
               $ supervisorctl screen @LOOPKEEPER_WORKER@\n\n\
               Answer it, or type to it:\n\
               $ supervisorctl attach @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-stalled",
        id: "f365d34d73ed47ce8bdb1edcc7a1fd9f",
        subject: "Worker @LOOPKEEPER_WORKER@ is stalled",
        text: "Its agent says that it works, or nothing that is known, and for `watch.stuck` there was no \
               sign of work; or its program is over. The message says what was seen last. It is \
               nudged, unless its unstick has nudge = false; whether that helps is told by itself \
               (worker-unstuck, worker-stuck).\n\n\
               See its screen:\n\
               $ supervisorctl screen @LOOPKEEPER_WORKER@\n\n\
               Answer it, or type to it:\n\
               $ supervisorctl attach @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-unstuck",
        id: "509c0ab9737d4a07aefb29b85a446454",
        subject: "Worker @LOOPKEEPER_WORKER@ goes on again",
        text: "It was stalled, or its provider did not answer, and two looks in a row saw it go on after it \
               was nudged. The message says how often, and for how long it had done nothing.\n\n\
               Nothing has to be done. What happened meanwhile:\n\
               $ supervisorctl history @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-stuck",
        id: "9471bd4312ed493c889da854fcdce817",
        subject: "Worker @LOOPKEEPER_WORKER@ is stuck",
        text: "It does nothing any more, and no nudge has changed that; the message says how often it was \
               tried, and what is done now. One whose provider does not answer is nudged on, ever more \
               seldom; one with unstick.then = \"restart\" is started again; all others are left to you.\n\n\
               See its screen:\n\
               $ supervisorctl screen @LOOPKEEPER_WORKER@\n\n\
               Look what keeps it, and type to it:\n\
               $ supervisorctl attach @LOOPKEEPER_WORKER@\n\n\
               Start it anew:\n\
               $ supervisorctl restart @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-limited",
        id: "f7304a99ba29422bb50729259287a48d",
        subject: "Worker @LOOPKEEPER_WORKER@ is at its usage limit",
        text: "Its agent says so; the message has its words and, where they can be read, until when. \
               It is woken then, unless its limit has wake = false; the message says when.\n\n\
               See its screen:\n\
               $ supervisorctl screen @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-limit-over",
        id: "780e499f14744d3fa4a6ecd824eea53d",
        subject: "The usage limit of worker @LOOPKEEPER_WORKER@ is over",
        text: "Two looks in a row saw its agent work, or wait for a word, after it was at its limit. One \
               that waits does so until somebody types to it:\n\
               $ supervisorctl attach @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-woken",
        id: "e5717e295fac4d0da9b177a656b48108",
        subject: "Worker @LOOPKEEPER_WORKER@ was woken after its usage limit",
        text: "A text was typed to its agent, and the message says what proves that it was taken. That it \
               goes on is told by itself (worker-limit-over).",
    },
    Entry {
        event: "worker-wake-failed",
        id: "6058a48fe7484f5592c04918bb4e86c0",
        subject: "Worker @LOOPKEEPER_WORKER@ could not be woken",
        text: "The message says what was in the way, and when it is tried again, which is done for as long \
               as it is at its limit.\n\n\
               See its screen:\n\
               $ supervisorctl screen @LOOPKEEPER_WORKER@\n\n\
               To answer what it asks, or to go on by hand:\n\
               $ supervisorctl attach @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-outage",
        id: "75ba973c99aa48cb9acbacc7ced4a443",
        subject: "The provider of worker @LOOPKEEPER_WORKER@ does not answer",
        text: "Its agent says so, in the words of the message. Agents try again by themselves for a while, \
               and then wait for a word: they are nudged, ever more seldom, until it answers, unless \
               their unstick has nudge = false.\n\n\
               See its screen:\n\
               $ supervisorctl screen @LOOPKEEPER_WORKER@\n\n\
               Answer it, or type to it:\n\
               $ supervisorctl attach @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-verdict",
        id: "a2e5414e53d64e308642d038469ddcff",
        subject: "What worker @LOOPKEEPER_WORKER@ does is seen to be something else",
        text: "Two looks in a row at the screen of its agent came to this; the message says what they \
               rest on. Nothing was done to it. That it asks, stalls, is at its limit or has no answer \
               from its provider has an event of its own.\n\n\
               See its screen:\n\
               $ supervisorctl screen @LOOPKEEPER_WORKER@\n\n\
               Answer it, or type to it:\n\
               $ supervisorctl attach @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-conversation-lost",
        id: "17d9c3f544434f5f827b509a4351b8fd",
        subject: "Worker @LOOPKEEPER_WORKER@ begins a new conversation",
        text: "It was to go on with the one before, and nobody knows how: the screen never showed its id, or \
               the program failed with that at once. Agents that are told their id, such as claude, cannot lose it.\n\n\
               See what was said in it:\n\
               $ supervisorctl replay @LOOPKEEPER_WORKER@ --list\n\n\
               Tell the agent where it stood:\n\
               $ supervisorctl nudge @LOOPKEEPER_WORKER@ TEXT",
    },
    Entry {
        event: "worker-conversation-changed",
        id: "5f2c9d1e8a4b4c37b6e0a7d3914f28c6",
        subject: "Worker @LOOPKEEPER_WORKER@ shows that it is in another conversation",
        text: "Two looks in a row saw another id on its screen than the one that was known, as after somebody \
               began a new conversation in it. Its next start goes on with the one that is shown.\n\n\
               See what was said in it:\n\
               $ supervisorctl replay @LOOPKEEPER_WORKER@ --list\n\n\
               Should it not be the right one, begin a new one:\n\
               $ supervisorctl forget @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-conversation-left",
        id: "0be8297909744665b0d8eeb96aee5123",
        subject: "Worker @LOOPKEEPER_WORKER@ leaves its conversation",
        text: "Somebody said supervisorctl forget: its next start begins a new one.",
    },
    Entry {
        event: "worker-nudged",
        id: "b00e45f750be750b1f693a173fad1024",
        subject: "A text was typed to the agent of worker @LOOPKEEPER_WORKER@",
        text: "The message has how it begins, and by what it is known to be taken. The text itself is not \
               kept.\n\n\
               See its screen:\n\
               $ supervisorctl screen @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-nudge-failed",
        id: "f29dd9c4a2bf8f4c823e6fea9695fd33",
        subject: "A text was not typed to the agent of worker @LOOPKEEPER_WORKER@",
        text: "The message says why: it asks something, somebody else was typing, it worked for all of \
               the time, it ended. It was not taken; where it is left on the input line, \
               the message says so.\n\n\
               See its screen, and answer or clear what is there:\n\
               $ supervisorctl attach @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-nudge-undecided",
        id: "f26ab44daf7cb220a0daafdf2c1d3d40",
        subject: "A text may have been typed to worker @LOOPKEEPER_WORKER@",
        text: "It was typed and submitted, and its screen does not say whether it was taken; or the \
               supervisor, or the machine, ended while it was being typed, and the next one did not find it \
               on the input line, so that nobody knows how far it came. It is not typed again by itself.\n\n\
               See its screen, and if it is not there, ask for it again:\n\
               $ supervisorctl screen @LOOPKEEPER_WORKER@\n\n\
               If it stands on its input line, not sent, nothing else is typed there; send it with \
               Enter, or clear it with C-u:\n\
               $ supervisorctl attach @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-inbox-delivered",
        id: "d8a70fcd3de0c3c6a5620e9da5ff7f17",
        subject: "A file in the inbox of @LOOPKEEPER_WORKER@ was typed",
        text: "The message has its name, how it begins, and by what it is known to be taken. The file is in \
               `delivered` of the inbox.\n\n\
               See its screen:\n\
               $ supervisorctl screen @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-inbox-failed",
        id: "ffd2e626b3d949e672707b2e93ca6ad8",
        subject: "A file in the inbox of @LOOPKEEPER_WORKER@ failed",
        text: "The message says why: it can never be typed, or it was typed and is not known to be taken, as \
               when the supervisor, or the machine, ended while it was being typed and the next one did not \
               find it on the input line. It is in `failed` of the inbox, with the reason beside it, and is not typed again by itself.\n\n\
               See what has failed, and whether it is on the screen:\n\
               $ supervisorctl inbox @LOOPKEEPER_WORKER@ list\n\
               $ supervisorctl screen @LOOPKEEPER_WORKER@\n\n\
               If it stands on its input line, not sent, nothing else is typed there; send it with \
               Enter, or clear it with C-u:\n\
               $ supervisorctl attach @LOOPKEEPER_WORKER@\n\n\
               Have it typed again:\n\
               $ supervisorctl inbox @LOOPKEEPER_WORKER@ retry NAME",
    },
    Entry {
        event: "worker-inbox-stuck",
        id: "c05a8530f1de87e58b28adaa41c5b871",
        subject: "A file cannot be moved out of the inbox of @LOOPKEEPER_WORKER@",
        text: "The message says why: the disk is full, or somebody has changed whose the directory is. It \
               is tried again, and it is not typed again; until it was moved nothing else of this inbox \
               is typed.\n\n\
               See what is there, and look at the disk:\n\
               $ supervisorctl inbox @LOOPKEEPER_WORKER@ list\n\
               $ supervisorctl doctor",
    },
    Entry {
        event: "handoff-claimed",
        id: "546792e59c3d4bd19b15110d70c7deed",
        subject: "A gate is claimed",
        text: "A worker says that it has passed the gate. Whoever verifies that has a text in the inbox, and \
               says pass or back.\n\n\
               See where all gates stand:\n\
               $ supervisorctl handoff list",
    },
    Entry {
        event: "handoff-back",
        id: "578652a6eba14bfeac1d8d68984fd795",
        subject: "A gate goes back to who claimed it",
        text: "Something is wrong, says who verified it, or a person. Whoever claimed it has a text in the \
               inbox, and claims it again once that is mended.\n\n\
               See what was said in each round:\n\
               $ supervisorctl handoff list GATE",
    },
    Entry {
        event: "handoff-passed",
        id: "0fe87912c11f4ecc84c4e4a5b7ade1f7",
        subject: "A gate has passed",
        text: "So says who verified it, or a person. Whoever claimed it has a text in the inbox.",
    },
    Entry {
        event: "handoff-rounds",
        id: "bc21c3468b4b4194b9daab95011dd021",
        subject: "A gate waits for a person",
        text: "It was claimed as often as is allowed, and whoever verified it says once more that something is \
               wrong. Neither of the two can do anything with it now.\n\n\
               See what was said in each round:\n\
               $ supervisorctl handoff list GATE\n\n\
               Let it pass, send it back for as many rounds once more, or take it away:\n\
               $ supervisorctl handoff pass GATE\n\
               $ supervisorctl handoff back GATE -m WHY\n\
               $ supervisorctl handoff drop GATE",
    },
    Entry {
        event: "handoff-dropped",
        id: "fa64b703128948c79c8938cfd1a04511",
        subject: "A gate was taken away",
        text: "A person said supervisorctl handoff drop. A worker may claim one of this name anew.",
    },
    Entry {
        event: "handoff-stuck",
        id: "453543b9c3524a6e91001ba8864779ec",
        subject: "A gate cannot go on",
        text: "Where it stands cannot be written, or whoever is to hear of that has no inbox in which a text \
               could be left: that is tried again. Or it waits for a worker that is not declared any more. \
               The message says why, and what helps.\n\n\
               See whether it is so still, and look at the disk:\n\
               $ supervisorctl status\n\
               $ supervisorctl doctor",
    },
    Entry {
        event: "handoff-refused",
        id: "5d0c83b1f0e94b0c9a3e6f1d7728c4aa",
        subject: "A step of a gate was refused, and nobody heard it",
        text: "It was asked for while no daemon ran, or by a worker that was removed since. Nothing was done; \
               the message says why.\n\n\
               See where the gate stands, and ask again:\n\
               $ supervisorctl handoff list",
    },
    Entry {
        event: "handoff-unreadable",
        id: "71c35a3a274340a8a5eb67a9f7392e28",
        subject: "The file of a gate cannot be read",
        text: "Nobody knows where the gate stands, and nothing is done with it. The file is left as it is: \
               mend it, or take it away, and a worker claims the gate anew. It is looked at again each \
               minute.\n\n\
               See which one it is, and why:\n\
               $ supervisorctl handoff list",
    },
    Entry {
        event: "worker-stopping",
        id: "f7e7d330b5804a3986f5c88750c78fed",
        subject: "Worker @LOOPKEEPER_WORKER@ is being stopped",
        text: "The message says why. All processes of attempt @LOOPKEEPER_ATTEMPT@ were sent \
               `stop.signal`; what is left of it after `stop.grace` is killed.",
    },
    Entry {
        event: "worker-signalled",
        id: "7a5e1c0d9be34f6cb2d04c3f8a6e9157",
        subject: "Worker @LOOPKEEPER_WORKER@ was told that a secret of it changed",
        text: "A file of its `secrets` has another content than attempt @LOOPKEEPER_ATTEMPT@ was \
               started with, and its `on_secret_change` is a signal. What is in its \
               $CREDENTIALS_DIRECTORY and its environment is still the old one.\n\n\
               To start it anew with the new one:\n\
               $ supervisorctl restart @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-ended",
        id: "c4cd2bcf658c4dcda7f5b321d0e09c01",
        subject: "Worker @LOOPKEEPER_WORKER@ has ended",
        text: "Attempt @LOOPKEEPER_ATTEMPT@ is over. The message says how: with an exit code, by \
               a signal, or lost, when nobody was there to see it. Whether it is started again is \
               up to its `restart`.\n\n\
               What it wrote last:\n\
               $ supervisorctl logs @LOOPKEEPER_WORKER@ --attempt @LOOPKEEPER_ATTEMPT@\n\n\
               Its earlier ends:\n\
               $ supervisorctl history @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-killed",
        id: "ce94e0b3c1a84f77a96d7d20f39ab2c0",
        subject: "Somebody killed worker @LOOPKEEPER_WORKER@ with systemctl",
        text: "The signal that ended attempt @LOOPKEEPER_ATTEMPT@, or after which it soon ended in \
               its own way, came from `systemctl kill`, so the worker is not to blame. It counts \
               as an end like every other: whether it is started again is up to its \
               `restart`.\n\n\
               To stop it for good:\n\
               $ supervisorctl stop @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-finished",
        id: "d62fb6dd36a14839b62936fc4c862407",
        subject: "Worker @LOOPKEEPER_WORKER@ has finished",
        text: "It ended by itself, and its `restart` says that it is not started again after such \
               an end.\n\n\
               To run it once more:\n\
               $ supervisorctl start @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-put-off",
        id: "b911188ef6f04c54806cb23bdfb99074",
        subject: "Worker @LOOPKEEPER_WORKER@ cannot be started now",
        text: "Something that it needs is not there: a secret, its workdir, its program, as when a \
               file system is not mounted yet; or the machine is short of disk, memory, processes \
               or open files. The message says what, and comes once, however often it is tried \
               again; that does not count against the worker's budget. The other workers go on.\n\n\
               See what is missing, and what is short:\n\
               $ supervisorctl check\n\
               $ supervisorctl doctor",
    },
    Entry {
        event: "worker-worktree-made",
        id: "8d47276b01c6439096cd22df49a5abc7",
        subject: "The worktree of worker @LOOPKEEPER_WORKER@ was made",
        text: "It was not there, or was an empty directory. git made it from the repository that \
               is declared, as the worker's user.",
    },
    Entry {
        event: "worker-worktree-repaired",
        id: "eddf974623814ca4aa2fbecee32a9f11",
        subject: "The worktree of worker @LOOPKEEPER_WORKER@ was put right",
        text: "A git that was killed had left something behind in it, in whose way the next one \
               would have been, or it was moved. The message says what was done. No work was \
               touched: nothing is reset, cleaned or checked out.",
    },
    Entry {
        event: "worker-worktree-left",
        id: "2cace6231f9f41308aa01bfc9498f30f",
        subject: "The worktree of worker @LOOPKEEPER_WORKER@ is not as declared",
        text: "The message says what it is: a rebase or a merge that is under way, another branch, \
               another origin, or another file system than before: then there may be two of it, \
               one beneath the mount point. It may be what the worker is at, so it is left as it is, and the \
               worker is started in it. This is told once.",
    },
    Entry {
        event: "worker-worktree-failed",
        id: "e7cf6364cdaf4653861fe17e7994ec66",
        subject: "The worktree of worker @LOOPKEEPER_WORKER@ cannot be made",
        text: "The message says why, in git's own words: mostly that the repository cannot be \
               reached, or that the worker's user may not log in there; or that nothing is mounted \
               where the worktree was, beneath which none is made anew. The worker waits, and it \
               is tried again; that does not count against its budget.\n\n\
               See when it is tried next:\n\
               $ supervisorctl status\n\n\
               To try it now:\n\
               $ supervisorctl start @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-held",
        id: "10c172cda6e9472a923ebcf94798a96b",
        subject: "Worker @LOOPKEEPER_WORKER@ is held",
        text: "It will not be started again before somebody says so: it ended more often than its \
               budget allows, or it is not known whether it has run. The message says which. The \
               other workers go on, except those that require this one.\n\n\
               See why it ends:\n\
               $ supervisorctl logs @LOOPKEEPER_WORKER@\n\
               $ supervisorctl history @LOOPKEEPER_WORKER@\n\n\
               With the cause mended:\n\
               $ supervisorctl start @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-budget",
        id: "781b9d4a03ee41a4a76e3665ca90b26d",
        subject: "Worker @LOOPKEEPER_WORKER@ has spent what it may in a day",
        text: "Its budget says how many turns, how much time or how much money it may spend in a day; the \
               message says which of them it has. A turn that went on had ten minutes to end. It begins again \
               by itself when the day is over.\n\n\
               Give it as much once more:\n\
               $ supervisorctl start @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-breaker",
        id: "08efad5a5a4849dc8fc387dc8de92ba9",
        subject: "Worker @LOOPKEEPER_WORKER@ stands still: its rounds came to nothing",
        text: "So many turns of its agent in a row, or attempts that ended by themselves, left no commit in its \
               worktree and, where none was ever seen, no other screen; its breaker says how many may. One is \
               tried at the time that the message names, and if that comes to something it goes on.\n\n\
               See what it did:\n\
               $ supervisorctl replay @LOOPKEEPER_WORKER@\n\n\
               Try one now:\n\
               $ supervisorctl start @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-breaker-closed",
        id: "731fdd3604664cf08c66f9b7902eeb85",
        subject: "Worker @LOOPKEEPER_WORKER@ goes on: a round came to something",
        text: "It had stood still because rounds came to nothing. Nothing has to be done.",
    },
    Entry {
        event: "worker-told",
        id: "d92a6dc61b2a456ea799e8bb8823d6b8",
        subject: "Worker @LOOPKEEPER_WORKER@ was told something by itself",
        text: "Its agent was told of its start, of how it ended before, of the phase or of the reboot, by what \
               `say` has for that in loopkeeper.toml(5). The message has how the text begins, and by what \
               it is known to be taken.\n\n\
               See its screen:\n\
               $ supervisorctl screen @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-not-told",
        id: "4686a6ee4da34252a85567f872e3dfc2",
        subject: "Worker @LOOPKEEPER_WORKER@ was not told what it should be",
        text: "The message says of what, and why: its template says nothing that can be typed, or its \
               program cannot take it. It goes on without, and may wait for a word. It is not tried \
               again by itself.\n\n\
               See its screen, tell it, and mend `say` in loopkeeper.toml(5):\n\
               $ supervisorctl screen @LOOPKEEPER_WORKER@\n\
               $ supervisorctl nudge @LOOPKEEPER_WORKER@ TEXT\n\
               $ supervisorctl check",
    },
    Entry {
        event: "worker-stray",
        id: "449255ff7c4549749fcb7bfb316e6682",
        subject: "Something of worker @LOOPKEEPER_WORKER@ lives that should not",
        text: "Processes of attempt @LOOPKEEPER_ATTEMPT@ were found, and it is not the attempt \
               that should run. They are being ended, by \
               force if need be, and the worker is not started before they are gone.\n\n\
               That happens after a supervisor was killed at a bad moment, or when somebody ran \
               the worker by hand from inside of it. When it comes again and again, see what \
               starts it:\n\
               $ supervisorctl history @LOOPKEEPER_WORKER@",
    },
    Entry {
        event: "worker-unkillable",
        id: "c54c818c954344839a4f51fad4f24c2c",
        subject: "Something of worker @LOOPKEEPER_WORKER@ survives SIGKILL",
        text: "A process of attempt @LOOPKEEPER_ATTEMPT@ was killed three times and is still \
               there. The kernel delays that only while a process waits inside of it, mostly for \
               a disk or a network file system that does not answer, or while its unit is frozen. \
               The worker is not started before it is gone; it is killed again every few \
               seconds.\n\n\
               See whether it is frozen, and thaw it then with systemctl thaw:\n\
               $ supervisorctl status\n\n\
               See which process it is, and in what it waits:\n\
               $ ps -eo pid,stat,wchan:30,args | awk '$2 ~ /^D/'\n\n\
               Mend what it waits for. If that cannot be done, only a reboot ends it.",
    },
    Entry {
        event: "paused",
        id: "b850ba24d9e848fe9d8646494b330976",
        subject: "The rig is paused",
        text: "All loops are stopped and the plan stands still, until:\n\
               $ supervisorctl resume\n\n\
               Services and the proxy go on.",
    },
    Entry {
        event: "resumed",
        id: "92552ce1b90741a485f5eac05418c5d4",
        subject: "The rig is resumed",
        text: "The loops are started again, at the phase where the plan stands:\n\
               $ supervisorctl phase",
    },
    Entry {
        event: "handed-over",
        id: "581a341ef50a4bf29c607c9f10fae53d",
        subject: "The rig was handed over to another machine",
        text: "It was exported by `supervisorctl cutover`. No loop runs here any more, also after a \
               reboot, and the rig cannot be resumed.\n\n\
               If it was not imported elsewhere, and is to go on here:\n\
               $ supervisorctl cutover cancel",
    },
    Entry {
        event: "taken-back",
        id: "ba8f398a78274daf866a3769f9618a88",
        subject: "The rig was taken back",
        text: "Its cutover was cancelled: it may run here again, and does when somebody says so:\n\
               $ supervisorctl resume\n\n\
               Was it imported elsewhere, it must not run in both places.",
    },
    Entry {
        event: "moved-here",
        id: "e9ee1a06d4e7416798bf2afbcac28a4d",
        subject: "The rig was moved here",
        text: "It was imported by `supervisorctl cutover`, with its history and its resume point, \
               and is paused until somebody has looked at it:\n\
               $ supervisorctl status\n\
               $ supervisorctl resume",
    },
    Entry {
        event: "phase",
        id: "6319639b847b4a6c9e09f7a93a0e0df6",
        subject: "The plan stands at phase @LOOPKEEPER_PHASE@",
        text: "The phase before is over, or somebody moved the resume point. It is recorded, so \
               the rig comes back here after a reboot. Loops are stopped and started with the new \
               phase, except those with on_phase = \"keep\".\n\n\
               The plan:\n\
               $ supervisorctl phase\n\n\
               To go elsewhere:\n\
               $ supervisorctl phase set ID",
    },
    Entry {
        event: "phase-ending",
        id: "f3a8b7e264a94b1a9a3306b470d14a28",
        subject: "Phase @LOOPKEEPER_PHASE@ is over, and is wound up",
        text: "Its end condition holds, or somebody said that it is over. Workers with a worktree \
               that the next phase stops are let go on until nothing in it is half-done, and \
               are stopped there. Then the plan goes on; after `plan.quiesce` it does so anyway.\n\n\
               Who is waited for, and why:\n\
               $ supervisorctl status\n\n\
               To wait for nobody:\n\
               $ supervisorctl phase set ID",
    },
    Entry {
        event: "phase-not-quiet",
        id: "66b24647bf5f47cc98c00190b0239433",
        subject: "Phase @LOOPKEEPER_PHASE@ ended, and not all were at a safe point",
        text: "The time for it, `plan.quiesce`, was over, or somebody had ended before it was done: \
               by itself, or stopped by hand. The message says in whose worktree something was \
               half-done, and what. It is still there: the worker begins the next phase with \
               it.\n\n\
               If it never has a clean worktree, look at what it leaves there:\n\
               $ supervisorctl quiesce --dry-run",
    },
    Entry {
        event: "phase-goes-on",
        id: "c2761574b50943159a145d13bdcb1f9e",
        subject: "Phase @LOOPKEEPER_PHASE@ is not wound up any more",
        text: "Its end condition, `until`, had held and does not any more; or an operator had said \
               that it is over, and something else came first. The message says what. While the \
               plan stands at this phase, who was stopped for its end is started again.\n\n\
               Where the plan stands:\n\
               $ supervisorctl phase\n\n\
               To end the current phase:\n\
               $ supervisorctl phase done",
    },
    Entry {
        event: "phase-over-already",
        id: "ca8c8748720148ae95420f52138e82aa",
        subject: "Phase @LOOPKEEPER_PHASE@ was set and is over already",
        text: "Somebody moved the plan to this phase, and its end condition, `until`, held at the \
               first look: the plan has gone on at once.\n\n\
               To work on the phase again, undo what its condition looks at, such as the file \
               that it waits for, then:\n\
               $ supervisorctl phase set @LOOPKEEPER_PHASE@",
    },
    Entry {
        event: "phase-check-failed",
        id: "6c31940b09a24dc3a6780683927e7911",
        subject: "Nobody can tell whether phase @LOOPKEEPER_PHASE@ is over",
        text: "Its end condition, `until`, could not be looked at; the message says why. The plan \
               stays where it is, and it is looked again.\n\n\
               If you know that the phase is over:\n\
               $ supervisorctl phase done",
    },
    Entry {
        event: "phase-file-edited",
        id: "f985787c9fe3409cb5382903e98ceb5f",
        subject: "The resume point was taken from phase-idx",
        text: "While no supervisor watched it, somebody edited phase-idx in the state directory, \
               or put one there. The plan goes on where it says.\n\n\
               If that was not meant:\n\
               $ supervisorctl phase set ID",
    },
    Entry {
        event: "phase-file-refused",
        id: "46f1fab0efc54b78bb1d45fada9406be",
        subject: "phase-idx names a phase that the plan does not have",
        text: "Somebody edited phase-idx in the state directory. Nothing has changed: the plan \
               stays where it is.\n\n\
               The phases that there are:\n\
               $ supervisorctl phase\n\n\
               To go to one of them:\n\
               $ supervisorctl phase set ID",
    },
    Entry {
        event: "phase-file-damaged",
        id: "aff1b4e98aeb40adb855b2216e11da3a",
        subject: "phase-idx, the resume point's file, is missing or damaged",
        text: "The message says what was wrong with it, what was used instead, and where a \
               damaged file was set aside. It was not written over.\n\n\
               See where the plan stands:\n\
               $ supervisorctl phase\n\n\
               If that is wrong:\n\
               $ supervisorctl phase set ID",
    },
    Entry {
        event: "plan-complete",
        id: "39fdbdc0d5014e17a904df0370a19e45",
        subject: "The plan is complete",
        text: "Its last phase is over. The loops are stopped; services and the proxy go on.\n\n\
               Phases that are added to the end of the plan begin by themselves after:\n\
               $ supervisorctl reload\n\n\
               To go back to a phase:\n\
               $ supervisorctl phase set ID",
    },
    Entry {
        event: "plan-stays-complete",
        id: "025b3a734d504c84a37c0282136a9100",
        subject: "The plan has new phases and stays complete",
        text: "The plan was complete, and phases were added elsewhere than at its end. Nobody \
               knows whether they are to be done, so nothing begins by itself.\n\n\
               To go on at one of them:\n\
               $ supervisorctl phase set ID",
    },
    Entry {
        event: "plan-astray",
        id: "6651e03060124e20bc4105dcc6700971",
        subject: "Nobody knows where the plan stands",
        text: "The phase that is recorded is not in the plan any more, or what was recorded is \
               lost. The message says which. Loops that run go on, and none is started before \
               somebody says where to go on.\n\n\
               The phases that there are:\n\
               $ supervisorctl phase\n\n\
               To go on at one of them:\n\
               $ supervisorctl resume --phase ID",
    },
    Entry {
        event: "reloaded",
        id: "ed80633b4b024a9b9d84bd895ce15425",
        subject: "The configuration was reloaded",
        text: "What did not change in it was not touched. Workers whose definition changed are \
               stopped and started anew.",
    },
    Entry {
        event: "reload-refused",
        id: "5e9a6483617d4cb19d83fa1c0acb5e9f",
        subject: "The configuration has mistakes and was not reloaded",
        text: "The rig goes on with the configuration that it had.\n\n\
               See every mistake with its place:\n\
               $ supervisorctl check\n\n\
               With them mended:\n\
               $ supervisorctl reload",
    },
    Entry {
        event: "survey-failed",
        id: "fde33da039924027ada290bbb0db97d4",
        subject: "The machine cannot say what runs",
        text: "The supervisor asked which attempts there are and got no answer; the message says \
               why. As long as it does not know what runs it starts nothing, for what it would \
               start may be running already. It asks again every few seconds.\n\n\
               See what is wrong:\n\
               $ supervisorctl doctor",
    },
    Entry {
        event: "store-damaged",
        id: "62f9d4b2c4e346b5b1a8a876deaeff67",
        subject: "Something in the state directory was damaged or lost",
        text: "The message says what it was, what was lost with it, and where a damaged file was \
               set aside. The rig goes on with what is left.\n\n\
               See what the supervisor knows:\n\
               $ supervisorctl status\n\
               $ supervisorctl phase\n\n\
               See what is wrong with the directory:\n\
               $ supervisorctl doctor\n\n\
               To put a copy back, end the supervisor first.",
    },
    Entry {
        event: "degraded",
        id: "1657c47972974ea3af5c83f667ea75cd",
        subject: "The supervisor works with less than it needs",
        text: "The message says what fails: mostly that the disk is full or read-only, so that \
               nothing can be recorded, or that this machine does not give what was asked of it. \
               Workers go on. What could not be recorded is recorded when it can be.\n\n\
               See what it is now:\n\
               $ supervisorctl status\n\
               $ supervisorctl doctor",
    },
    Entry {
        event: "journal-gap",
        id: "e324fd2403874e91a3e4b69ed22feefe",
        subject: "Messages of the supervisor are missing here",
        text: "journald did not take what the supervisor said: it hung, or was not there. The \
               supervisor does not wait for it. It keeps a thousand messages; what came after \
               those is not in the journal, and the message says how many they were. Workers and \
               their records are not touched.\n\n\
               See what happened meanwhile:\n\
               $ supervisorctl history\n\n\
               See what was wrong with the journal:\n\
               $ journalctl -u systemd-journald",
    },
];
