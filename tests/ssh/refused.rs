//! Connections that do not come to be, and what is said of them.

use loopkeeper::ssh::{LinkError, Script, Target};

use crate::{
    alone::alone,
    world::{SOON, World, down, up},
};

/// Why there is no connection to `target`, and that nothing is run.
async fn why(world: &World, target: Target) -> String {
    let link = world.here().link(target);
    let why = down(&link).await;
    let error = link.run(&Script::new("true"), SOON, 0).await.unwrap_err();
    assert!(error.never_began());
    match error {
        LinkError::Down { host, why } => assert!(host == "there" && !why.is_empty()),
        error => panic!("{error}"),
    }
    assert!(!why.contains(char::is_control), "{why:?}");
    why
}

#[test]
fn a_host_whose_key_is_not_known_or_another_is_refused() {
    alone(
        "refused::a_host_whose_key_is_not_known_or_another_is_refused",
        || async {
            let world = World::new();
            world.know("nothing");
            let unknown = why(&world, world.target()).await;
            let by_hand = format!(" -p {} -l ", world.port);
            assert!(
                unknown.starts_with("No ED25519 host key is known for"),
                "{unknown}"
            );
            assert!(unknown.contains(&by_hand), "{unknown}");
            world.other_key();
            world.know("other");
            let other = why(&world, world.target()).await;
            assert!(
                other.starts_with("it shows another host key than the known one (Offending"),
                "{other}"
            );
            assert!(
                other.contains("ssh-keygen -f") && other.contains(&by_hand),
                "{other}"
            );
            assert_eq!(world.let_in(), 0);
            world.know("host");
            up(&world.link()).await;
        },
    );
}

#[test]
fn what_is_refused_is_told_in_the_words_of_ssh() {
    alone(
        "refused::what_is_refused_is_told_in_the_words_of_ssh",
        || async {
            let mut world = World::with("Banner /etc/passwd");
            let mut target = world.target();
            target.identity = Some(world.other_key());
            let denied = why(&world, target).await;
            assert!(
                denied.contains("@127.0.0.1: Permission denied (publickey"),
                "{denied}"
            );
            assert!(!denied.contains("root:"), "{denied}");

            let mut target = world.target();
            target.host = "no-such-host.invalid".into();
            let nobody = why(&world, target).await;
            assert!(
                nobody.contains("Could not resolve hostname no-such-host.invalid"),
                "{nobody}"
            );

            world.stop();
            let refused = why(&world, world.target()).await;
            let words = format!(
                "ssh: connect to host 127.0.0.1 port {}: Connection refused",
                world.port
            );
            assert_eq!(refused, words);
        },
    );
}

#[test]
fn what_ssh_cannot_be_told_is_named() {
    alone("refused::what_ssh_cannot_be_told_is_named", || async {
        let world = World::new();
        let plain = world.target();
        let with = |change: fn(&mut Target)| {
            let mut target = plain.clone();
            change(&mut target);
            target
        };
        for (target, words) in [
            (
                with(|to| to.host = "-oProxyCommand=id".into()),
                "it has '='",
            ),
            (with(|to| to.host = "-V".into()), "it begins with '-'"),
            (
                with(|to| to.host = "a b".into()),
                "host \"a b\" cannot be given to ssh: it has ' '",
            ),
            (with(|to| to.user = Some("$(id)".into())), "it has '$'"),
            (with(|to| to.proxy = Some("'; id".into())), "it has '\\''"),
            (
                with(|to| to.identity = Some("/does/not exist".into())),
                "/does/not exist: No such file",
            ),
            (
                with(|to| to.identity = Some("user".into())),
                "user: No such file",
            ),
            (
                with(|to| to.ssh_config = Some("/nowhere".into())),
                "/nowhere: No such file",
            ),
        ] {
            let why = why(&world, target).await;
            assert!(why.contains(words), "{why}");
        }
        assert_eq!(world.let_in(), 0);
    });
}
