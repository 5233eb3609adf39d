//! A service manager, over the bus: units are started, signalled, listed and watched.
//!
//! Promise: nothing is polled. What a unit comes to is told by [`Manager::changes`]; a job is waited
//! for by its own end. A manager that re-executes itself is not noticed. When the bus goes away, calls
//! fail with [`ManagerError::Gone`] and the changes end; a new connection then shows what is.
//!
//! How: D-Bus, over the system's bus or the user's. The manager's own socket
//! (`/run/systemd/private`), which systemctl(1) takes as root, names senders as no bus may, and zbus
//! refuses that. The interface is org.freedesktop.systemd1(5).

use std::{
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use futures_util::{Stream, StreamExt as _};
use zbus::{
    Connection, DBusError as _, MatchRule, MessageStream, OwnedObjectPath, Variant, connection,
    fdo, message, proxy::CacheProperties,
};

use super::{
    change::{Change, UNITS},
    interface::{ServiceProxy, SystemdProxy, UnitProxy},
    property::Value,
    start::Cancellation,
};

/// Which service manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// PID 1.
    System,
    /// A user's own, with its `$XDG_RUNTIME_DIR`.
    User(PathBuf),
}

impl Whose {
    /// Where its bus is.
    pub fn socket(&self) -> PathBuf {
        let runtime = match self {
            Self::System => Path::new("/run/dbus/system_bus_socket"),
            Self::User(runtime) => return runtime.join("bus"),
        };
        runtime.to_owned()
    }
}

/// A manager did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ManagerError {
    /// Nobody listens.
    #[error("{}: no service manager answers", socket.display())]
    NotThere {
        /// Where it should.
        socket: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It was there and is no more, or speaks no D-Bus.
    #[error("service manager does not answer any more")]
    Gone(#[source] zbus::Error),
    /// It refused, in its own words.
    #[error("service manager: {text}")]
    Refused {
        /// D-Bus's name of the error.
        name: String,
        /// The words.
        text: String,
    },
    /// A job of it did not end well.
    #[error("{unit}: {result}")]
    Job {
        /// Of which unit.
        unit: String,
        /// `failed`, `timeout`, `dependency`, `skipped` (org.freedesktop.systemd1(5)).
        result: String,
    },
    /// A start job was taken away before it was done.
    #[error("{unit}: its start was canceled with systemctl")]
    Canceled {
        /// Of which unit.
        unit: String,
        /// By what.
        by: Cancellation,
    },
}

impl From<zbus::Error> for ManagerError {
    fn from(error: zbus::Error) -> Self {
        match error {
            zbus::Error::MethodError(name, text, _) => Self::Refused {
                name: name.to_string(),
                text: text.unwrap_or_default(),
            },
            zbus::Error::FDO(error) if !is_of_the_way(&error) => Self::Refused {
                name: error.name().to_string(),
                text: error.description().unwrap_or_default().to_owned(),
            },
            error => Self::Gone(error),
        }
    }
}

/// The bus could not reach the manager, or the manager did not answer: it said nothing itself.
fn is_of_the_way(error: &fdo::Error) -> bool {
    matches!(
        error,
        fdo::Error::Disconnected(_)
            | fdo::Error::NoReply(_)
            | fdo::Error::ServiceUnknown(_)
            | fdo::Error::NameHasNoOwner(_)
            | fdo::Error::NoServer(_)
            | fdo::Error::NoNetwork(_)
            | fdo::Error::Timeout(_)
            | fdo::Error::TimedOut(_)
    )
}

impl ManagerError {
    /// There is a unit of this name already.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Refused { name, .. } if name == "org.freedesktop.systemd1.UnitExists")
    }

    /// What was asked for would undo what somebody else asked for, and that is not done yet.
    pub fn is_destructive(&self) -> bool {
        matches!(self, Self::Refused { name, .. }
            if name == "org.freedesktop.systemd1.TransactionIsDestructive")
    }

    /// What a unit needs did not come up.
    pub fn is_of_dependency(&self) -> bool {
        matches!(self, Self::Job { result, .. } if result == "dependency")
    }

    /// There is no unit of this name.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Refused { name, .. } if name == "org.freedesktop.systemd1.NoSuchUnit")
    }
}

/// One life of a unit, as its manager knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incarnation {
    /// 32 hexadecimal digits, new at each start (systemd.exec(5), `$INVOCATION_ID`).
    pub invocation: String,
    /// The main process, also when it has ended.
    pub pid: i32,
    /// Something of it lives, or is about to.
    pub lives: bool,
}

impl From<Value> for Variant<'static> {
    fn from(value: Value) -> Self {
        match value {
            Value::Boolean(value) => Self::from(value),
            Value::Text(text) => Self::from(text),
            Value::List(items) => Self::from(items),
            Value::Number(number) => Self::from(number),
            Value::Integer(number) => Self::from(number),
            Value::Mode(mode) => Self::from(mode),
            Value::Filter(only, words) => Self::from((only, words)),
        }
    }
}

/// A connection to a service manager.
#[derive(Debug, Clone)]
pub struct Manager {
    connection: Connection,
    pub(super) systemd: SystemdProxy<'static>,
}

impl Manager {
    /// Connects, and asks to be told of changes.
    pub async fn connect(whose: &Whose) -> Result<Self, ManagerError> {
        let socket = whose.socket();
        let stream = UnixStream::connect(&socket)
            .map_err(|source| ManagerError::NotThere { socket, source })?;
        let connection = connection::Builder::unix_stream(stream).build().await?;
        let systemd = SystemdProxy::builder(&connection)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        systemd.subscribe().await?;
        Ok(Self {
            connection,
            systemd,
        })
    }

    /// Signals every process of a unit.
    pub async fn kill(&self, unit: &str, signal: i32) -> Result<(), ManagerError> {
        Ok(self.systemd.kill_unit(unit, "all", signal).await?)
    }

    /// Lets the processes of a frozen unit go on, and waits until they do.
    pub async fn thaw(&self, unit: &str) -> Result<(), ManagerError> {
        Ok(self.systemd.thaw_unit(unit).await?)
    }

    /// Stops a unit, with its own signal and time limit; does not wait for it.
    pub async fn stop(&self, unit: &str) -> Result<(), ManagerError> {
        Ok(self.systemd.stop_unit(unit, "replace").await.map(drop)?)
    }

    /// Names of the units that are loaded, of those that match (glob(7)).
    pub async fn units(&self, pattern: &str) -> Result<Vec<String>, ManagerError> {
        let rows = self.systemd.list_units_by_patterns(&[], &[pattern]).await?;
        Ok(rows.into_iter().map(|row| row.0).collect())
    }

    /// The present or, as long as it is loaded, the last life of a service; `None` when it is not
    /// loaded or was never started.
    pub async fn incarnation(&self, unit: &str) -> Result<Option<Incarnation>, ManagerError> {
        match self.look(unit).await {
            Ok(found) => Ok(found),
            Err(error) if error.is_unknown() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether something of a unit lives, or will once a job of it has its turn.
    pub async fn is_under_way(&self, unit: &str) -> Result<bool, ManagerError> {
        let present = self.present(unit).await?;
        Ok(present.is_some_and(|(job, lives)| job != 0 || lives))
    }

    async fn look(&self, unit: &str) -> Result<Option<Incarnation>, ManagerError> {
        let path = self.systemd.get_unit(unit).await?;
        let unit = self.unit(path.clone()).await?;
        let service = self.service(path).await?;
        let invocation = unit.invocation_id().await?;
        if invocation.is_empty() {
            return Ok(None);
        }
        let state = unit.active_state().await?;
        Ok(Some(Incarnation {
            invocation: invocation
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            pid: service.exec_main_pid().await?.try_into().unwrap_or(0),
            lives: lives(&state),
        }))
    }

    /// The environment that a service was given, as `NAME=VALUE`.
    pub async fn environment(&self, unit: &str) -> Result<Vec<String>, ManagerError> {
        let path = self.systemd.get_unit(unit).await?;
        Ok(self.service(path).await?.environment().await?)
    }

    /// Whether a unit is defined by a file, which is read if need be, and its state; of one that is to be
    /// another soon, not `active`.
    pub(super) async fn defined(&self, unit: &str) -> Result<Option<String>, ManagerError> {
        let path = self.systemd.load_unit(unit).await?;
        let unit = self.unit(path).await?;
        if unit.load_state().await? != "loaded" || unit.fragment_path().await?.is_empty() {
            return Ok(None);
        }
        let (job, _) = unit.job().await?;
        let state = unit.active_state().await?;
        Ok(Some(match job {
            0 => state,
            _ if state == "active" => "deactivating".to_owned(),
            _ => state,
        }))
    }

    /// What the manager itself runs at the end of a service (`ExecStop=`, `ExecStopPost=`), if it does
    /// so now.
    pub async fn last_command(&self, unit: &str) -> Result<Option<i32>, ManagerError> {
        let path = self.systemd.get_unit(unit).await?;
        if self.unit(path.clone()).await?.active_state().await? != "deactivating" {
            return Ok(None);
        }
        let pid = self.service(path).await?.control_pid().await?;
        Ok(i32::try_from(pid).ok().filter(|pid| *pid != 0))
    }

    pub(super) async fn unit(
        &self,
        path: OwnedObjectPath,
    ) -> Result<UnitProxy<'static>, ManagerError> {
        let unit = UnitProxy::builder(&self.connection)
            .path(path)
            .cache_properties(CacheProperties::No);
        Ok(unit.build().await?)
    }

    async fn service(&self, path: OwnedObjectPath) -> Result<ServiceProxy<'static>, ManagerError> {
        let service = ServiceProxy::builder(&self.connection)
            .path(path)
            .cache_properties(CacheProperties::No);
        Ok(service.build().await?)
    }

    /// What changes of units, until the manager goes away.
    pub async fn changes(&self) -> Result<impl Stream<Item = Change> + use<>, ManagerError> {
        let rule = MatchRule::builder()
            .msg_type(message::Type::Signal)
            .interface("org.freedesktop.DBus.Properties")
            .member("PropertiesChanged")
            .path_namespace(UNITS)
            .build()?;
        let stream = MessageStream::for_match_rule(rule, &self.connection, None).await?;
        Ok(stream.filter_map(async |message| Change::of(&message.ok()?)))
    }
}

pub(super) fn lives(active_state: &str) -> bool {
    !matches!(active_state, "inactive" | "failed")
}
