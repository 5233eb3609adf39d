//! What runs on hosts, and how they are.

use jiff::Timestamp;

use super::{NONE, Which, list, size};
use crate::{
    cli::{
        Context,
        failure::Failure,
        screen::Look,
        table,
        words::{age, duration, printable},
    },
    control::protocol::{HostStatusView, Request},
    model::HostFacts,
};

pub(super) fn run(which: Which, context: &Context) -> Result<(), Failure> {
    let Which { hosts, json } = which;
    let hosts: Vec<HostStatusView> = context.connect()?.ask(&Request::HostStatus { hosts })?;
    if json {
        return Ok(context.screen.json(&hosts)?);
    }
    let look = context.screen.look();
    let now = Timestamp::now();
    let text = hosts.iter().map(|host| text(host, &look, now));
    let text = text.collect::<Vec<_>>().join("\n");
    Ok(context
        .screen
        .print(if hosts.is_empty() { NONE } else { &text })?)
}

fn text(status: &HostStatusView, look: &Look, now: Timestamp) -> String {
    let host = &status.host;
    let mut head = format!("{} ({}): {}", host.name, host.ssh, list::words(host));
    if let Some(reach) = &host.reach {
        head.push_str(&format!(", since {}", age(reach.since, now)));
        if let Some(latency) = reach.latency_ms {
            head.push_str(&format!(", latency {latency} ms"));
        }
    }
    let mut text = printable(&head) + "\n";
    match (&status.facts, &status.why) {
        (Some(facts), _) => text.push_str(&format!("  {}\n", printable(&machine(facts)))),
        // Where it is known not to answer, that was said.
        (None, Some(why)) if host.reach.as_ref().is_some_and(|reach| reach.answers) => {
            text.push_str(&format!(
                "  how it is, it did not say: {}\n",
                printable(why)
            ));
        }
        (None, _) => {}
    }
    if status.workers.is_empty() {
        text.push_str("  no worker is declared on it\n");
    } else {
        let rows = status.workers.iter().map(|row| {
            vec![
                row.worker.to_string(),
                row.state.to_string(),
                row.pid.map_or("-".to_owned(), |pid| pid.to_string()),
                age(row.since, now),
                row.attempt
                    .as_ref()
                    .map_or("-".to_owned(), ToString::to_string),
            ]
        });
        let titles = ["WORKER", "STATE", "PID", "SINCE", "ATTEMPT"];
        let rows = table::plain(&titles, rows.collect(), look);
        text.extend(rows.lines().map(|line| format!("  {line}\n")));
    }
    match &status.unknown {
        None => text.push_str("  what else of this rig is there is not known\n"),
        Some(unknown) => text.extend(unknown.iter().map(|one| {
            let is = printable(&one.is);
            format!(
                "  UNKNOWN: {} ({}) {is}; nobody here has a record of it\n",
                one.worker, one.attempt
            )
        })),
    }
    text
}

/// How it is, on one line.
fn machine(facts: &HostFacts) -> String {
    let system = [&facts.user, &facts.kernel];
    let system: Vec<&str> = system.into_iter().flatten().map(String::as_str).collect();
    let boot = facts.boot.as_ref().map(|boot| format!("boot {boot}"));
    let up = facts
        .uptime
        .map(|seconds| format!("up {}", duration(seconds)));
    let disk = facts.ours.free.map(|free| {
        let at = facts.ours.at.as_deref().unwrap_or("its disk");
        format!("{} free in {at}", size(free))
    });
    let parts = [boot, up, load(facts), memory(facts), disk]
        .into_iter()
        .flatten();
    let system = Some(system.join(" on ")).filter(|system| !system.is_empty());
    system
        .into_iter()
        .chain(parts)
        .collect::<Vec<_>>()
        .join(" · ")
}

/// `load 0.25 on 4 cpus`.
pub(super) fn load(facts: &HostFacts) -> Option<String> {
    let cpus = facts.cpus.map(|cpus| format!(" on {cpus} cpus"));
    Some(format!(
        "load {:.2}{}",
        facts.load?,
        cpus.unwrap_or_default()
    ))
}

/// `memory 3.2 GiB of 8.0 GiB available`.
pub(super) fn memory(facts: &HostFacts) -> Option<String> {
    Some(match (facts.memory_available, facts.memory) {
        (Some(available), Some(all)) => {
            format!("memory {} of {} available", size(available), size(all))
        }
        (Some(available), None) => format!("memory {} available", size(available)),
        (None, all) => format!("memory {}", size(all?)),
    })
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::{
        control::protocol::{HostAttemptView, HostView, HostWorkerView, ReachView},
        model::StateName,
    };

    fn of(reach: ReachView) -> HostStatusView {
        HostStatusView {
            host: HostView {
                name: "gpu".parse().unwrap(),
                ssh: "op@gpu".into(),
                path: ".loopkeeper".into(),
                reach: Some(reach),
                workers: vec!["train".parse().unwrap()],
                running: vec!["train".parse().unwrap()],
            },
            workers: vec![HostWorkerView {
                worker: "train".parse().unwrap(),
                state: StateName::Running,
                pid: Some(42),
                attempt: Some("20261121T004319Z-7f3a9c01".parse().unwrap()),
                since: Timestamp::from_second(9_000).unwrap(),
            }],
            unknown: None,
            why: None,
            facts: None,
        }
    }

    fn shown(status: &HostStatusView) -> String {
        let look = Look {
            colour: false,
            width: None,
            zone: TimeZone::UTC,
        };
        text(status, &look, Timestamp::from_second(10_000).unwrap())
    }

    #[test]
    fn what_runs_there_and_how_it_is_is_shown() {
        let mut status = of(ReachView {
            answers: true,
            why: None,
            since: Timestamp::from_second(9_940).unwrap(),
            latency_ms: Some(12),
        });
        status.unknown = Some(vec![HostAttemptView {
            worker: "old".parse().unwrap(),
            attempt: "20261121T004319Z-7f3a9c02".parse().unwrap(),
            is: "lives, pid 43".into(),
        }]);
        let mut facts = HostFacts {
            user: Some("op\x1b[2J".into()),
            kernel: Some("Linux 6.1".into()),
            uptime: Some(7200),
            cpus: Some(4),
            load: Some(0.5),
            memory: Some(8 << 20),
            memory_available: Some(3 << 20),
            ..HostFacts::default()
        };
        facts.ours.free = Some(50 << 20);
        facts.ours.at = Some("/home/op".into());
        status.facts = Some(facts);
        let expected = "\
gpu (op@gpu): answers, since 1m 0s, latency 12 ms
  op\u{fffd}[2J on Linux 6.1 · up 2h 0m · load 0.50 on 4 cpus · memory 3.0 GiB of 8.0 GiB available · \
50.0 GiB free in /home/op
  WORKER  STATE    PID  SINCE    ATTEMPT
  train   running  42   16m 40s  20261121T004319Z-7f3a9c01
  UNKNOWN: old (20261121T004319Z-7f3a9c02) lives, pid 43; nobody here has a record of it
";
        assert_eq!(shown(&status), expected);
        (status.facts, status.why) = (None, Some("no answer within 10 s".into()));
        assert!(shown(&status).contains("\n  how it is, it did not say: no answer within 10 s\n"));
    }

    #[test]
    fn one_that_does_not_answer_says_so_once_and_keeps_its_rows() {
        let why = || Some("does not answer: no route".to_owned());
        let mut status = of(ReachView {
            answers: false,
            why: why(),
            since: Timestamp::from_second(9_940).unwrap(),
            latency_ms: None,
        });
        status.why = why();
        let expected = "\
gpu (op@gpu): does not answer: no route, since 1m 0s
  WORKER  STATE    PID  SINCE    ATTEMPT
  train   running  42   16m 40s  20261121T004319Z-7f3a9c01
  what else of this rig is there is not known
";
        assert_eq!(shown(&status), expected);
        status.workers.clear();
        assert!(shown(&status).contains("\n  no worker is declared on it\n"));
    }
}
