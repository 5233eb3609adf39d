//! The declared hosts, a row each.

use jiff::Timestamp;

use super::NONE;
use crate::{
    cli::{Context, failure::Failure, offline, screen::Look, table, words::age},
    control::protocol::{HostView, Request},
};

pub(super) fn run(json: bool, context: &Context) -> Result<(), Failure> {
    offline::ask(
        &Request::Hosts {},
        context,
        offline::hosts,
        |hosts: &Vec<_>| {
            if json {
                return Ok(context.screen.json(hosts)?);
            }
            let text = text(hosts, &context.screen.look(), Timestamp::now());
            Ok(context.screen.print(text)?)
        },
    )
}

fn text(hosts: &[HostView], look: &Look, now: Timestamp) -> String {
    if hosts.is_empty() {
        return NONE.to_owned();
    }
    let titles = [
        "HOST", "SSH", "WORKERS", "RUNNING", "LATENCY", "SINCE", "REACH",
    ];
    let rows = hosts.iter().map(|host| row(host, now));
    table::plain(&titles, rows.collect(), look)
}

fn row(host: &HostView, now: Timestamp) -> Vec<String> {
    let none = || "-".to_owned();
    let reach = host.reach.as_ref();
    // Of one that does not answer, nobody knows.
    let running = reach
        .filter(|reach| reach.answers)
        .map(|_| host.running.len().to_string());
    let latency = reach.and_then(|reach| reach.latency_ms);
    vec![
        host.name.to_string(),
        host.ssh.clone(),
        host.workers.len().to_string(),
        running.unwrap_or_else(none),
        latency.map_or_else(none, |latency| format!("{latency} ms")),
        reach.map_or_else(none, |reach| age(reach.since, now)),
        words(host),
    ]
}

/// Whether it answers.
pub(super) fn words(host: &HostView) -> String {
    match &host.reach {
        None => "not known, for the daemon is not running".to_owned(),
        Some(reach) if reach.answers => "answers".to_owned(),
        Some(reach) => reach
            .why
            .clone()
            .unwrap_or_else(|| "does not answer".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::control::protocol::ReachView;

    #[test]
    fn each_host_has_a_row_and_steers_no_terminal() {
        let now = Timestamp::from_second(10_000).unwrap();
        let host = |name: &str, reach| HostView {
            name: name.parse().unwrap(),
            ssh: format!("op@{name}"),
            path: ".loopkeeper".into(),
            reach,
            workers: vec!["a".parse().unwrap(), "b".parse().unwrap()],
            running: vec!["a".parse().unwrap()],
        };
        let reach = |why: Option<&str>| ReachView {
            answers: why.is_none(),
            why: why.map(str::to_owned),
            since: Timestamp::from_second(9_940).unwrap(),
            latency_ms: why.is_none().then_some(12),
        };
        let hosts = [
            host("attic", Some(reach(None))),
            host("gpu", Some(reach(Some("does not answer: no\x1b[2J route")))),
            host("pi", None),
        ];
        let look = Look {
            colour: false,
            width: None,
            zone: TimeZone::UTC,
        };
        let expected = "\
HOST   SSH       WORKERS  RUNNING  LATENCY  SINCE  REACH
attic  op@attic  2        1        12 ms    1m 0s  answers
gpu    op@gpu    2        -        -        1m 0s  does not answer: no\u{fffd}[2J route
pi     op@pi     2        -        -        -      not known, for the daemon is not running
";
        assert_eq!(text(&hosts, &look, now), expected);
        assert_eq!(text(&[], &look, now), NONE);
    }
}
