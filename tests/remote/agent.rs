//! An agent on another host is looked at and typed to as one that is here.

use crate::stage::Stage;

const SELDOM: &str = "watch = { every = '1h', slow = '2h' }";
const OFTEN: &str = "watch = { every = '200ms' }";

#[test]
fn a_limit_on_its_screen_is_seen() {
    let stage = Stage::plays("work 500ms\nlimit \"resets 3pm (UTC)\"\n", OFTEN);
    let row = stage.rig.eventually("a limit", |rig| {
        let row = rig.worker("a");
        (row["verdict"]["is"] == "limited").then_some(row)
    });
    let evidence = row["verdict"]["evidence"].as_str().unwrap();
    assert!(evidence.contains("resets 3pm (UTC)"), "{row:#}");
}

#[test]
fn a_text_is_taken_byte_for_byte() {
    let stage = Stage::plays("wait\nwork 90s\n", SELDOM);
    let text = "first 'one' \"two\" $HOME `x` \\n ;\n\n\tsecond: äöü — 漢字 ; ";
    stage.rig.write("text", text);
    let file = stage.rig.path("text").display().to_string();
    let said = stage.rig.done(&["nudge", "a", "--file", &file]);
    assert!(said.starts_with("a took it: "), "{said}");
    assert_eq!(stage.submitted(), [text]);
    assert_eq!(stage.events("pasted").len(), 1);
    let buffers = stage.tmux(&["list-buffers"]);
    assert_eq!(buffers, "", "something of it is left with tmux");
}

#[test]
fn nothing_is_typed_over_a_text_of_somebodys() {
    let stage = Stage::plays("wait\n", SELDOM);
    stage.tmux(&["send-keys", "-l", "the password is x"]);
    stage.rig.eventually("the text of somebody", |_| {
        let screen = stage.tmux(&["capture-pane", "-p"]);
        screen.contains("the password is x").then_some(())
    });
    let said = stage
        .rig
        .refused(1, &["nudge", "a", "--within", "3s", "go on"]);
    assert!(said.contains("text stands on its input line"), "{said}");
    assert!(stage.events("pasted").is_empty() && stage.submitted().is_empty());
}

#[test]
fn while_the_link_is_cut_nothing_is_known_and_nothing_typed() {
    let mut stage = Stage::plays("wait\n", OFTEN);
    stage.rig.eventually("a verdict", |rig| {
        (rig.worker("a")["verdict"]["is"] == "waiting").then_some(())
    });
    stage.cut();
    stage.rig.until_state("a", "lost");
    let said = stage
        .rig
        .refused(1, &["nudge", "a", "--within", "3s", "go on"]);
    assert!(said.contains("it is lost"), "{said}");
    assert!(stage.events("pasted").is_empty() && stage.submitted().is_empty());
}

#[test]
fn while_the_link_is_silent_a_look_is_an_error_and_nothing_is_typed() {
    let mut stage = Stage::plays("wait\n", SELDOM);
    stage.rig.eventually("a verdict", |rig| {
        (rig.worker("a")["verdict"]["is"] == "waiting").then_some(())
    });
    stage.silence();
    let said = stage
        .rig
        .refused(1, &["nudge", "a", "--when", "now", "go on"]);
    assert!(
        said.contains("nothing was typed") && said.contains("host gpu: "),
        "{said}"
    );
    stage.cut();
    assert!(stage.events("pasted").is_empty() && stage.submitted().is_empty());
}
