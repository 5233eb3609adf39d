//! What was seen, in figures.

use super::{
    DemoError,
    story::{Story, seconds},
    voice::Voice,
};
use crate::model::Exit;

/// Everything that was counted.
#[derive(Debug)]
pub(super) struct Summary<'a> {
    pub(super) story: &'a Story,
    /// How the attempts that are over ended.
    pub(super) exits: &'a [Option<Exit>],
    pub(super) echoed: u64,
}

impl Summary<'_> {
    /// Says it.
    pub(super) fn tell(&self, voice: &mut Voice<'_>) -> Result<(), DemoError> {
        voice.line("")?;
        voice.title("What you saw")?;
        self.rows()
            .iter()
            .try_for_each(|(name, text)| voice.line(&format!("  {name:<12} {text}")))
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let story = self.story;
        let work = story.work;
        let (ended, phases) = story.phases();
        let mut rows = vec![
            ("phases", format!("{ended} of {phases} done")),
            (
                "work",
                format!(
                    "{} by the Builder; {} by the Adversary: {} rejected, {} approved",
                    count(work.commits, "commit"),
                    count(work.rejected + work.approved, "review"),
                    work.rejected,
                    work.approved
                ),
            ),
        ];
        let healed = story.healed_after().map_or(String::new(), |after| {
            format!(": the Builder was back after {}", seconds(after))
        });
        rows.push(("crashes", format!("{} healed{healed}", story.healed)));
        if let Some((workers, without)) = story.survived() {
            rows.extend([
                (
                    "daemon",
                    format!("1 restart after kill -9: {workers} of {workers} workers ran on"),
                ),
                (
                    "without it",
                    format!(
                        "{} in which {} pushed and {} bytes went through the proxy",
                        seconds(without.lasted),
                        match without.commits {
                            1 => "1 commit was".to_owned(),
                            many => format!("{many} commits were"),
                        },
                        without.bytes
                    ),
                ),
            ]);
        } else {
            rows.push(("daemon", "0 restarts after kill -9".to_owned()));
        }
        rows.push((
            "proxy",
            format!("{} bytes echoed through one connection", self.echoed),
        ));
        rows.push(("exits", exits(self.exits)));
        rows
    }
}

fn count(number: usize, one: &str) -> String {
    let many = if number == 1 { "" } else { "s" };
    format!("{number} {one}{many}")
}

/// `5 of 5 known: 1 by SIGKILL, 4 by SIGTERM`.
fn exits(exits: &[Option<Exit>]) -> String {
    let mut known: Vec<(String, usize)> = Vec::new();
    for exit in exits.iter().flatten() {
        let words = match exit {
            Exit::Code(code) => format!("with code {code}"),
            Exit::Signal(signal) => format!("by {signal}"),
            Exit::OutOfMemory(_) => "out of memory".to_owned(),
            Exit::Lost(_) => continue,
        };
        match known.iter_mut().find(|(other, _)| *other == words) {
            Some((_, number)) => *number += 1,
            None => known.push((words, 1)),
        }
    }
    known.sort();
    let sum: usize = known.iter().map(|(_, number)| number).sum();
    let each: Vec<_> = known
        .iter()
        .map(|(words, number)| format!("{number} {words}"))
        .collect();
    let each = if each.is_empty() {
        String::new()
    } else {
        format!(": {}", each.join(", "))
    };
    format!("{sum} of {} known{each}", exits.len())
}
