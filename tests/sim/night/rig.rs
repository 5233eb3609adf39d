//! The rig of a night, as its operator writes it: the loops of `hosts/orchestrator`.

use fastrand::Rng;
use loopkeeper::{config::Config, model::LauncherKind};

use crate::configs::written;

const RIG: &str = r#"
[rig]
name = "night"

[[plan.phases]]
id = "2"
brief = "/srv/plan/2.md"
until = { file = "/srv/plan/2.done" }

[[plan.phases]]
id = "2b"
brief = "/srv/plan/2b.md"
until = { file = "/srv/plan/2b.done" }

[workers.builder]
command = ["/bin/sh", "loop.sh"]
worktree = "/home/builder/work"
agent = "claude"

[workers.builder.say]
start = "Read {{ brief }} and begin phase {{ phase }}."
phase = "Phase {{ previous_phase }} is over. Read {{ brief }} and begin phase {{ phase }}."
reboot = "The machine rebooted at {{ rebooted_at }}; phase {{ phase }} goes on."
crash = "You ended with {{ exit }}. Look at what is there, and go on with {{ brief }}."

[workers.adversary]
command = ["/bin/sh", "review.sh"]
worktree = "/home/adversary/work"
agent = "claude"

[workers.adversary.say]
start = "Read {{ brief }}, and review what the Builder pushes for phase {{ phase }}."
"#;

/// Every second one says that its loops share an account, as they do.
pub(super) fn rig(rng: &mut Rng) -> Config {
    let mut config = written(RIG);
    let account = rng.bool().then(|| "team".to_owned());
    for worker in config.workers.values_mut() {
        worker.limit.account.clone_from(&account);
        // The one there is in these worlds.
        worker.launcher = LauncherKind::Process;
    }
    config
}
