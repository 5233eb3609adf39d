//! Hosts that are come to through a SOCKS proxy.

use loopkeeper::ssh::Script;

use crate::{
    alone::alone,
    fixture::{Proxy, settings},
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
