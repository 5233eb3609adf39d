//! Hosts that are come to through a SOCKS proxy, or over another host.

use std::fs;

use loopkeeper::ssh::{Link, Script};
use nix::unistd::getpid;

use crate::{
    alone::{alone, kill},
    fixture::{Proxy, settings},
    owner::{ended, hold, only},
    world::{SOON, World, down, up},
};

#[test]
fn a_host_is_reached_through_the_proxy_which_resolves_its_name() {
    alone(
        "through::a_host_is_reached_through_the_proxy_which_resolves_its_name",
        || async {
            let world = World::new();
            let proxy = Proxy::start(&settings());
            let mut target = world.target();
            target.host = "localhost".into();
            target.proxy = Some(proxy.address.to_string());
            let link = world.here().link(target.clone());
            up(&link).await;
            let output = link
                .run(&Script::new("echo \"$1\"").arg("it's me"), SOON, 99)
                .await;
            assert_eq!(output.unwrap().output, b"it's me\n");
            proxy
                .log
                .wait_for(&format!("target=localhost:{}", world.port));

            // What ssh has started ends with it, also where it has no say.
            let own = getpid().as_raw();
            let way = hold(only("lk-through", own));
            kill(only("ssh", own));
            ended(way).await;
            drop(link);

            target.port = Some(1);
            let why = down(&world.here().link(target.clone())).await;
            let words = format!("proxy {} has no way to localhost port 1: ", proxy.address);
            assert!(why.starts_with(&words), "{why}");

            target.proxy = Some("127.0.0.1:1".into());
            let why = down(&world.here().link(target)).await;
            let words = "proxy 127.0.0.1:1 cannot be used: Connection refused";
            assert!(why.starts_with(words), "{why}");
        },
    );
}

#[test]
fn a_jump_host_is_gone_over_and_its_key_is_known_too() {
    alone(
        "through::a_jump_host_is_gone_over_and_its_key_is_known_too",
        || async {
            let world = World::new();
            let config = world.path().join("ssh config");
            let text = fs::read_to_string(&config).unwrap();
            let jump = format!(
                "Host behind\nHostName localhost\nProxyJump {}@127.0.0.1:{}\nHost *\n\
                 IdentityFile \"{}\"\n{text}",
                world.target().user.unwrap(),
                world.port,
                world.path().join("user").display()
            );
            fs::write(&config, jump).unwrap();
            let mut target = world.target();
            target.host = "behind".into();
            // ssh calls itself without quotes around the path of its configuration.
            let runtime = tempfile::tempdir().unwrap();
            let link = || Link::open(target.clone(), runtime.path(), &world.here().runner).unwrap();
            let there = link();
            up(&there).await;
            let output = there.run(&Script::new("echo $#").arg(""), SOON, 99).await;
            assert_eq!((output.unwrap().output, world.let_in()), (b"1\n".into(), 2));

            world.know_only("localhost");
            let why = down(&link()).await;
            let words = format!(
                "No ED25519 host key is known for [127.0.0.1]:{}",
                world.port
            );
            assert!(why.starts_with(&words), "{why}");
        },
    );
}
