//! Scripts that stay.

use crate::{
    alone::alone,
    world::{Fifo, World, up},
};
use loopkeeper::{
    model::Exit,
    ssh::{LinkError, Script},
};

#[test]
fn lines_go_both_ways_and_its_end_is_told() {
    alone(
        "channel::lines_go_both_ways_and_its_end_is_told",
        || async {
            let world = World::new();
            let link = world.link();
            up(&link).await;
            let script = Script::new(
                "while read -r line; do echo \"$1 <$line>\"; [ \"$line\" = end ] && break; done\n\
             echo moan >&2; printf last; exit 5",
            );
            let mut channel = link.open_channel(&script.arg("it's")).await.unwrap();
            // One that a shell would take for a command, was it not the script's.
            for line in ["one two", "echo $HOME", "", "Grüße"] {
                channel.send(line).await.unwrap();
                let said = channel.line().await.unwrap();
                assert_eq!(String::from_utf8(said).unwrap(), format!("it's <{line}>"));
            }
            let long = "x".repeat(300_000);
            channel.send(&long).await.unwrap();
            assert_eq!(channel.line().await.unwrap().len(), long.len() + 7);
            channel.send("end\necho a command").await.unwrap();
            assert_eq!(channel.line().await.unwrap(), b"it's <end>");
            let ended = LinkError::Ended {
                host: "there".into(),
                exit: Exit::Code(5),
                said: "moan".into(),
            };
            // A line that has no end is none.
            assert_eq!(channel.line().await.unwrap_err(), ended);
            assert_eq!(channel.line().await.unwrap_err(), ended);
            assert_eq!(channel.send("more").await.unwrap_err(), ended);
        },
    );
}

#[test]
fn dropped_it_ends_what_reads() {
    alone("channel::dropped_it_ends_what_reads", || async {
        let world = World::new();
        let link = world.link();
        up(&link).await;
        let fifo = Fifo::make(&world, "ended");
        let script = Script::new("while read -r line; do :; done; echo ended >\"$1\"");
        let channel = link.open_channel(&script.arg(fifo.path())).await;
        drop(channel.unwrap());
        assert_eq!(fifo.told().await, "ended\n");
    });
}
