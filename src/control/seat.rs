//! How many clients get in, and which of them has to leave.
//!
//! Promise: neither clients that say nothing, nor clients that only read, however many, nor a
//! process that can open nothing more keep out somebody who may steer; nobody at all keeps out root
//! and the owner; and a client that cannot be let in is told why, and by whom.
//!
//! How: readers have only some of the seats. When none is left, the client that has been there for
//! the longest time without a request leaves; for root and the owner else the oldest one of the
//! process that has most. A few descriptors are held back for clients.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

use crate::decide::access::Access;

/// Clients at one time.
pub const MOST_CLIENTS: usize = 128;
/// Of these, clients that may only read, so that the operator always gets in.
pub const MOST_READERS: usize = 64;
/// Descriptors kept for clients.
const SPARE: usize = 8;

/// Descriptors that are kept for clients, so that the operator gets in when nothing else can be
/// opened. The last one is for telling a client that there are none left.
#[derive(Debug, Default)]
pub(super) struct Spare(Mutex<Vec<File>>);

impl Spare {
    fn held(&self) -> MutexGuard<'_, Vec<File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn refill(&self) {
        let mut held = self.held();
        while held.len() < SPARE
            && let Ok(file) = File::open("/dev/null")
        {
            held.push(file);
        }
    }

    /// Makes room for one client.
    pub(super) fn give_up_one(&self) -> bool {
        self.held().pop().is_some()
    }

    /// There is one for the next client, after this one.
    pub(super) fn is_left(&self) -> bool {
        self.refill();
        !self.held().is_empty()
    }
}

/// Processes that are named when there is no seat left.
const NAMED: usize = 5;

/// Clients that are connected, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Inside(Mutex<BTreeMap<u64, Client>>);

#[derive(Debug)]
struct Client {
    pid: i32,
    access: Access,
    /// It made a request.
    asked: bool,
    leaves: CancellationToken,
}

/// One client's place among them.
#[derive(Debug)]
pub(super) struct Seat {
    inside: Arc<Inside>,
    number: u64,
    leaves: CancellationToken,
}

/// There is no seat left.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full {
    limit: usize,
    access: Access,
    /// Process and number of its clients, those with most first.
    holders: Vec<(i32, usize)>,
}

impl Inside {
    fn held(&self) -> MutexGuard<'_, BTreeMap<u64, Client>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// A seat for a client of this process; `first` is root and the owner.
    pub(super) fn take(
        inside: &Arc<Inside>,
        pid: i32,
        access: Access,
        first: bool,
    ) -> Result<Self, Full> {
        let mut clients = inside.held();
        let readers = clients.values().filter(|one| one.access == Access::Read);
        let full = if access == Access::Read && readers.count() >= MOST_READERS {
            Some((MOST_READERS, Access::Read))
        } else {
            (clients.len() >= MOST_CLIENTS).then_some((MOST_CLIENTS, Access::Steer))
        };
        if let Some((limit, most)) = full {
            let holders = holders(&clients, most);
            let silent = oldest(&clients, |one| !one.asked && one.access <= most);
            let leaves = silent.or_else(|| {
                let (greedy, _) = holders.first().filter(|_| first)?;
                oldest(&clients, |one| one.pid == *greedy)
            });
            let Some(client) = leaves.and_then(|number| clients.remove(&number)) else {
                return Err(Full {
                    limit,
                    access: most,
                    holders,
                });
            };
            client.leaves.cancel();
        }
        let number = clients.last_key_value().map_or(0, |(last, _)| last + 1);
        let leaves = CancellationToken::new();
        clients.insert(
            number,
            Client {
                pid,
                access,
                asked: false,
                leaves: leaves.clone(),
            },
        );
        drop(clients);
        Ok(Self {
            inside: Arc::clone(inside),
            number,
            leaves,
        })
    }

    /// The client made a request.
    pub(super) fn asks(&self) {
        if let Some(client) = self.inside.held().get_mut(&self.number) {
            client.asked = true;
        }
    }

    /// Returns when somebody else was given the seat.
    pub(super) async fn is_lost(&self) {
        self.leaves.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.leaves.is_cancelled() {
            self.inside.held().remove(&self.number);
        }
    }
}

fn oldest(clients: &BTreeMap<u64, Client>, which: impl Fn(&Client) -> bool) -> Option<u64> {
    let found = clients.iter().find(|(_, client)| which(client))?;
    Some(*found.0)
}

fn holders(clients: &BTreeMap<u64, Client>, most: Access) -> Vec<(i32, usize)> {
    let mut counts = BTreeMap::new();
    for client in clients.values().filter(|one| one.access <= most) {
        *counts.entry(client.pid).or_insert(0) += 1;
    }
    let mut holders: Vec<_> = counts.into_iter().collect();
    holders.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    holders
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let which = match self.access {
            Access::Read => " that may only look",
            Access::Steer => "",
        };
        write!(f, "daemon has all {} clients{which} it takes: ", self.limit)?;
        for (at, (pid, count)) in self.holders.iter().take(NAMED).enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{count} of pid {pid}")?;
            if let Ok(name) = fs::read_to_string(format!("/proc/{pid}/comm")) {
                write!(f, " ({})", name.trim_end())?;
            }
        }
        let others: usize = self
            .holders
            .iter()
            .skip(NAMED)
            .map(|(_, count)| count)
            .sum();
        match others {
            0 => Ok(()),
            others => write!(f, ", {others} of others"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: [(Access, usize); 2] =
        [(Access::Read, MOST_READERS), (Access::Steer, MOST_CLIENTS)];

    fn take(inside: &Arc<Inside>, pid: i32, access: Access) -> Result<Seat, Full> {
        Seat::take(inside, pid, access, false)
    }

    /// As many as there may be, of the process, and all with a request.
    fn busy(inside: &Arc<Inside>, pid: i32, access: Access, most: usize) -> Vec<Seat> {
        let clients = (0..most).map(|_| take(inside, pid, access).unwrap());
        clients.inspect(Seat::asks).collect()
    }

    #[test]
    fn readers_cannot_keep_the_operator_out() {
        let inside = Arc::default();
        let mut seats = busy(&inside, 7, Access::Read, MOST_READERS);
        assert!(take(&inside, 7, Access::Read).is_err());
        let operators = busy(&inside, 8, Access::Steer, MOST_CLIENTS - MOST_READERS);
        assert!(take(&inside, 8, Access::Steer).is_err());
        seats.pop();
        assert!(
            take(&inside, 7, Access::Read).is_ok(),
            "a seat that was left stays taken"
        );
        drop(operators);
    }

    #[test]
    fn the_oldest_without_a_request_leaves_first() {
        for (access, most) in LIMITS {
            let inside = Arc::default();
            let seats: Vec<_> = (0..most)
                .map(|_| take(&inside, 7, access).unwrap())
                .collect();
            seats[0].asks();
            let _new = take(&inside, 8, access).unwrap();
            let lost: Vec<_> = (0..most)
                .filter(|at| seats[*at].leaves.is_cancelled())
                .collect();
            assert_eq!(lost, [1]);
        }
    }

    #[test]
    fn one_who_may_only_look_takes_no_seat_from_one_who_may_steer() {
        let inside = Arc::default();
        let silent = take(&inside, 9, Access::Steer).unwrap();
        let _readers = busy(&inside, 7, Access::Read, MOST_READERS);
        assert!(take(&inside, 7, Access::Read).is_err());
        assert!(!silent.leaves.is_cancelled());
    }

    #[test]
    fn root_and_the_owner_get_in_at_the_cost_of_who_has_most() {
        let inside = Arc::default();
        let modest = busy(&inside, 6, Access::Steer, 1);
        let greedy = busy(&inside, 7, Access::Steer, MOST_CLIENTS - 1);
        let full = take(&inside, 8, Access::Steer).unwrap_err();
        assert_eq!(full.holders, [(7, MOST_CLIENTS - 1), (6, 1)]);
        let _operator = Seat::take(&inside, 8, Access::Steer, true).unwrap();
        assert!(greedy[0].leaves.is_cancelled() && !greedy[1].leaves.is_cancelled());
        assert!(!modest[0].leaves.is_cancelled());
    }

    #[test]
    fn a_refusal_names_the_limit_and_who_is_there() {
        let full = Full {
            limit: 128,
            access: Access::Steer,
            holders: vec![
                (i32::MAX, 100),
                (i32::MAX - 1, 20),
                (1, 4),
                (0, 1),
                (0, 1),
                (0, 2),
            ],
        };
        let text = full.to_string();
        assert!(
            text.starts_with(
                "daemon has all 128 clients it takes: 100 of pid 2147483647, 20 of pid 2147483646, \
                 4 of pid 1 ("
            ),
            "{text}"
        );
        assert!(text.ends_with(", 2 of others"), "{text}");
    }
}
