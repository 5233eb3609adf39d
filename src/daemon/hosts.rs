//! Other hosts: what is told of them, and what follows.

use super::{Daemon, perform::own_notice};
use crate::{
    decide::{Event, Level},
    launch::Reach,
    model::HostName,
};

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
}
