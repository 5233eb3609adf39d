//! Memory pressure: how long programs wait because memory is short (PSI, the kernel's
//! Documentation/accounting/psi.rst).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use nix::unistd::Uid;

use super::{Finding, Is};

/// Percent of time in which some program waits, over a minute. From there on systemd tells services
/// to use less: `MemoryPressureThresholdSec=` is 200 ms of each 2 s (systemd.resource-control(5)).
const MUCH: f64 = 10.0;
/// Percent of time in which all programs wait, over ten seconds. From there on systemd-oomd kills:
/// `DefaultMemoryPressureLimit=` (oomd.conf(5)).
const TOO_MUCH: f64 = 60.0;

const MACHINE: &str = "/proc/pressure/memory";

/// Of the whole machine, and of the rig's workers where they have a slice.
pub(super) fn findings(owner: Uid) -> Vec<Finding> {
    let mut findings = vec![judge("memory", &fs::read_to_string(MACHINE), WHOLE)];
    if let Some(slice) = slice(owner) {
        let of_slice = fs::read_to_string(slice.join("memory.pressure"));
        findings.push(judge("slice memory", &of_slice, OF_SLICE));
    }
    findings
}

/// The control group of the rig's workers (systemd.slice(5)).
fn slice(owner: Uid) -> Option<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let manager = if owner.is_root() {
        root.to_owned()
    } else {
        root.join(format!(
            "user.slice/user-{owner}.slice/user@{owner}.service"
        ))
    };
    Some(manager.join("loopkeeper.slice")).filter(|slice| slice.join("memory.pressure").exists())
}

/// What waits, and how to see who is to blame.
type Of = (&'static str, &'static str);
const WHOLE: Of = (
    "programs of this machine wait",
    "see who takes it with: ps -eo pid,rss,args --sort=-rss | head",
);
const OF_SLICE: Of = (
    "the rig's workers wait",
    "see who takes it with: systemd-cgtop --order=memory",
);

/// Two lines of the kernel's, as percentages of time.
#[derive(Debug, PartialEq)]
struct Pressure {
    /// Some program waits; over 10, 60 and 300 s.
    some: [f64; 3],
    /// All of them do; over 10 s.
    full: f64,
}

impl Pressure {
    fn read(text: &str) -> Option<Self> {
        let averages = |word| {
            let line = text.lines().find_map(|line| line.strip_prefix(word))?;
            let value = |name: &str| {
                let field = line.split(' ').find_map(|field| field.strip_prefix(name))?;
                field.parse::<f64>().ok()
            };
            Some([value("avg10=")?, value("avg60=")?, value("avg300=")?])
        };
        Some(Self {
            some: averages("some ")?,
            full: averages("full ")?[0],
        })
    }
}

fn judge(check: &'static str, reading: &io::Result<String>, (who, blame): Of) -> Finding {
    let finding = |is, found: String| Finding::new(check, is, found);
    let text = match reading {
        Ok(text) => text,
        // Switched off, there is no such file or it cannot be read, as the kernel's version has it.
        Err(error)
            if error.kind() == io::ErrorKind::NotFound
                || error.raw_os_error() == Some(nix::libc::EOPNOTSUPP) =>
        {
            return finding(Is::Warn, "pressure is not measured: PSI is off".to_owned())
                .hint("boot with psi=1 on the kernel's command line");
        }
        Err(error) => return finding(Is::Warn, format!("pressure cannot be read: {error}")),
    };
    let Some(Pressure { some, full }) = Pressure::read(text) else {
        let first = text.lines().next().unwrap_or_default();
        return finding(Is::Warn, format!("pressure cannot be understood: {first}"));
    };
    let [ten, minute, five] = some;
    let found = format!(
        "{who} for it {ten}% of the last 10 s, {minute}% of a minute, {five}% of 5 minutes"
    );
    if full >= TOO_MUCH {
        let found = format!("{found}; {full}% of the last 10 s nothing else happened");
        finding(Is::Fail, found).hint(blame)
    } else if minute >= MUCH {
        finding(Is::Warn, found).hint(blame)
    } else {
        finding(Is::Ok, found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(some: &str, full: &str) -> Finding {
        let text = format!("some {some} total=13384273\nfull {full} total=7653053\n");
        judge("memory", &Ok(text), WHOLE)
    }

    #[test]
    fn pressure_is_weighed_as_systemd_weighs_it() {
        let none = "avg10=0.00 avg60=0.00 avg300=0.00";
        let calm = judged("avg10=0.00 avg60=0.10 avg300=0.24", none);
        assert_eq!(calm.is, Is::Ok);
        assert_eq!(
            calm.found,
            "programs of this machine wait for it 0% of the last 10 s, 0.1% of a minute, 0.24% of 5 \
             minutes"
        );
        assert_eq!(
            judged("avg10=80.00 avg60=9.99 avg300=0.00", none).is,
            Is::Ok
        );
        let much = judged("avg10=0.00 avg60=10.00 avg300=1.00", none);
        assert_eq!(much.is, Is::Warn);
        assert!(much.hint.unwrap().contains("ps -eo"));
        let full = |ten| format!("avg10={ten} avg60=0.00 avg300=0.00");
        assert_eq!(judged(none, &full("59.99")).is, Is::Ok);
        let too_much = judged(none, &full("60.00"));
        assert_eq!(too_much.is, Is::Fail);
        assert!(
            too_much
                .found
                .ends_with("60% of the last 10 s nothing else happened")
        );
    }

    #[test]
    fn a_kernel_that_does_not_measure_says_so() {
        let off = [
            io::Error::from(io::ErrorKind::NotFound),
            io::Error::from_raw_os_error(nix::libc::EOPNOTSUPP),
        ];
        for error in off {
            let found = judge("memory", &Err(error), WHOLE);
            assert_eq!(found.found, "pressure is not measured: PSI is off");
            assert!(found.hint.unwrap().contains("psi=1"));
        }
        let denied = judge(
            "memory",
            &Err(io::ErrorKind::PermissionDenied.into()),
            WHOLE,
        );
        assert!(denied.found.starts_with("pressure cannot be read"));
        for garbled in [
            "",
            "some avg10=x avg60=0 avg300=0\n",
            "some avg10=0\nfull avg10=0\n",
        ] {
            let found = judge("memory", &Ok(garbled.to_owned()), WHOLE);
            assert!(
                found.found.starts_with("pressure cannot be understood"),
                "{}",
                found.found
            );
        }
    }
}
