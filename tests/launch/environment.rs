//! What a worker is told of the user it runs as.

use std::process::Command;

use loopkeeper::model::{Exit, LauncherKind};

use crate::{alone::alone, world::World};

/// `name:password:uid:gid:comment:home:shell` of passwd(5), from the system's own tool.
fn account() -> [String; 4] {
    let uid = nix::unistd::geteuid().to_string();
    let output = Command::new("getent")
        .args(["passwd", &uid])
        .output()
        .unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    let field: Vec<&str> = line.trim_end().split(':').collect();
    [field[5], field[0], field[0], field[6]].map(str::to_owned)
}

async fn a_worker_knows_its_home(launcher: LauncherKind) {
    for unset in ["HOME", "USER", "LOGNAME", "SHELL"] {
        assert_eq!(std::env::var_os(unset), None, "as of a system service");
    }
    let account = account();
    let mut world = World::new();
    let mut worker = world.script(
        launcher,
        r#"printf '%s\n' "$HOME" "$USER" "$LOGNAME" "$SHELL" >told; env >environment"#,
    );
    for (own, told) in [
        (None, account.clone()),
        (Some("/own"), {
            let [_, user, name, _] = account;
            ["/own".to_owned(), user, name, "/own".to_owned()]
        }),
    ] {
        for variable in ["HOME", "SHELL"] {
            let own = own.map(|own| (variable.to_owned(), own.to_owned()));
            worker.environment.extend(own);
        }
        let (attempt, _) = world.run(&worker).await;
        assert_eq!(world.gone_after_end(&attempt).await, Exit::Code(0));
        let text = std::fs::read_to_string(world.path().join("told")).unwrap();
        assert_eq!(text.lines().collect::<Vec<_>>(), told);
        let all = std::fs::read_to_string(world.path().join("environment")).unwrap();
        let ours = all.lines().filter(|line| line.starts_with("LOOPKEEPER_"));
        assert_eq!(ours.count(), 3, "{all}");
    }
}

#[test]
fn a_process_knows_its_home() {
    alone("environment::a_process_knows_its_home", || {
        a_worker_knows_its_home(LauncherKind::Process)
    });
}

#[test]
fn a_session_knows_its_home() {
    alone("environment::a_session_knows_its_home", || {
        a_worker_knows_its_home(LauncherKind::Tmux)
    });
}
