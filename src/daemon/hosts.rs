//! Other hosts: what is told of them, and what follows.

use futures_util::future::join_all;

use super::{Daemon, perform::own_notice};
use crate::{
    config::Host,
    control::{
        protocol::{
            HostAttemptView, HostCheckView, HostStatusView, HostView, HostWorkerView, ReachView,
            Refusal, RefusalKind, Reply,
        },
        server::Answer,
    },
    decide::{Event, Level},
    launch::{Far, Reach, Standing},
    model::HostName,
    nearest::nearest,
};

/// Why nothing is known of a host that is declared.
const NOT_KEPT: &str = "is not kept connected; `supervisorctl status` says why";

impl Daemon {
    /// A host answers, or does not any more.
    pub(super) async fn reach(&mut self, host: &HostName, is: Reach) {
        let about = format!("host {host}");
        let words = |why: &str| format!("host {host} does not answer: {why}");
        let (event, level, text) = match is {
            Reach::Never(why) => return self.trouble(about, words(&why)),
            Reach::Lost(why) => {
                let text = words(&why);
                self.troubles.begin(super::now(), &about, text.clone());
                let text = format!("{text}; what runs there goes on");
                ("host-lost", Level::Warning, text)
            }
            Reach::Reached => {
                self.troubles.over(&about);
                ("host-reached", Level::Info, format!("host {host} answers"))
            }
            Reach::Rebooted { before, boot } => {
                let text = format!(
                    "host {host} was rebooted: boot {before} is over, and {boot} has begun"
                );
                ("host-rebooted", Level::Warning, text)
            }
        };
        self.turn(Event::Notice(own_notice(event, level, text)))
            .await;
        self.turn(Event::ReachMayDiffer).await;
        // What could not be started there may be now.
        self.needs_changed(false);
    }

    /// The declared hosts, and what is known of each.
    pub(super) fn hosts(&self) -> Vec<HostView> {
        let all = self.config.hosts.values();
        all.map(|host| self.host_view(host, self.standing(host).as_ref()))
            .collect()
    }

    fn standing(&self, host: &Host) -> Option<Standing> {
        Some(self.host.far(&host.name)?.standing())
    }

    fn host_view(&self, host: &Host, standing: Option<&Standing>) -> HostView {
        let reach = match standing {
            Some(standing) => ReachView::from(standing),
            None => ReachView {
                answers: false,
                why: Some(NOT_KEPT.to_owned()),
                since: self.rig.view(super::now(), |_, _| None).started_at,
                latency_ms: None,
            },
        };
        let workers = self.config.workers.values();
        let workers = workers.filter(|worker| worker.on.host() == Some(&host.name));
        let rows = self.host_workers(&host.name);
        let running = rows.into_iter().filter(|row| row.pid.is_some());
        HostView {
            name: host.name.clone(),
            ssh: host.ssh.to_string(),
            path: host.path.clone(),
            reach: Some(reach),
            workers: workers.map(|worker| worker.name.clone()).collect(),
            running: running.map(|row| row.worker).collect(),
        }
    }

    fn host_workers(&self, host: &HostName) -> Vec<HostWorkerView> {
        let view = self.rig.view(super::now(), |_, _| None);
        let rows = view
            .workers
            .into_iter()
            .filter(|row| row.on.host() == Some(host));
        rows.map(|row| HostWorkerView {
            worker: row.name.clone(),
            state: row.state,
            pid: row.pid,
            attempt: row.attempt.cloned(),
            since: row.since,
        })
        .collect()
    }

    /// Those that are meant, in the order of their names; none are all.
    fn meant(&self, names: &[HostName]) -> Result<Vec<&Host>, Refusal> {
        let declared = &self.config.hosts;
        if let Some(unknown) = names.iter().find(|name| !declared.contains_key(*name)) {
            let near = nearest(unknown.as_str(), declared.keys().map(HostName::as_str))
                .map_or(String::new(), |near| format!("did you mean {near}? "));
            let text = format!("host {unknown} is not declared");
            let hint = format!("{near}`supervisorctl host list` shows those that are");
            return Err(Refusal::new(RefusalKind::UnknownName, text).hint(hint));
        }
        let all = declared.values();
        let meant = all.filter(|host| names.is_empty() || names.contains(&host.name));
        Ok(meant.collect())
    }

    /// Asks hosts beside the loop whether they have what workers need.
    pub(super) fn host_check(&self, answer: Answer, names: Vec<HostName>) {
        let hosts = match self.meant(&names) {
            Ok(hosts) => hosts,
            Err(refusal) => return answer.error(refusal),
        };
        let checks = hosts.into_iter().map(|host| {
            let of_host = |far: &HostName| *far == host.name;
            let mut workers = self.config.workers.values();
            let locks = workers
                .any(|worker| worker.on.host().is_some_and(of_host) && worker.worktree.is_some());
            check(host.name.clone(), self.host.far(&host.name), locks)
        });
        let checks = join_all(checks);
        tokio::task::spawn_local(async move { answer.ok(Reply::HostChecks(checks.await)) });
    }

    /// What runs on hosts, with what they say beside the loop of themselves.
    pub(super) fn host_status(&self, answer: Answer, names: Vec<HostName>) {
        let hosts = match self.meant(&names) {
            Ok(hosts) => hosts,
            Err(refusal) => return answer.error(refusal),
        };
        let all = hosts.into_iter().map(|host| {
            let standing = self.standing(host);
            let known = HostStatusView {
                host: self.host_view(host, standing.as_ref()),
                workers: self.host_workers(&host.name),
                unknown: standing.and_then(|standing| unknown(&standing)),
                why: None,
                facts: None,
            };
            look(known, self.host.far(&host.name))
        });
        let all = join_all(all);
        tokio::task::spawn_local(async move { answer.ok(Reply::HostStatus(all.await)) });
    }
}

async fn check(host: HostName, far: Option<Far>, locks: bool) -> HostCheckView {
    let mut view = HostCheckView {
        host,
        why: None,
        latency_ms: None,
        skew_ms: None,
        locks,
        facts: None,
    };
    let Some(far) = far else {
        view.why = Some(NOT_KEPT.to_owned());
        return view;
    };
    match far.check().await {
        Ok(checked) => {
            view.latency_ms = milliseconds(checked.latency);
            view.skew_ms = checked.skew;
            view.facts = Some(checked.facts);
        }
        Err(why) => view.why = Some(why),
    }
    view
}

async fn look(mut view: HostStatusView, far: Option<Far>) -> HostStatusView {
    let reach = view.host.reach.as_ref();
    // Whatever it would be asked, that is the answer.
    view.why = reach.and_then(|reach| reach.why.clone());
    if let (None, Some(far)) = (&view.why, far) {
        match far.look().await {
            Ok(facts) => view.facts = Some(facts),
            Err(why) => view.why = Some(why),
        }
    }
    view
}

fn unknown(standing: &Standing) -> Option<Vec<HostAttemptView>> {
    let all = standing.unknown.as_ref()?.iter();
    let views = all.map(|(of, seen)| HostAttemptView {
        worker: of.worker.clone(),
        attempt: of.attempt.clone(),
        is: seen.words(),
    });
    Some(views.collect())
}

fn milliseconds(duration: std::time::Duration) -> Option<u64> {
    u64::try_from(duration.as_millis()).ok()
}

impl From<&Standing> for ReachView {
    fn from(standing: &Standing) -> Self {
        let why = standing.unreachable.clone();
        Self {
            answers: why.is_none(),
            // Of a connection that stood before.
            latency_ms: standing
                .latency
                .filter(|_| why.is_none())
                .and_then(milliseconds),
            since: standing.since,
            why,
        }
    }
}
