//! What an agent does is seen on its screen, told, and nothing is done to it.

use serde_json::Value;

use crate::rig::Rig;

const RIG: &str = r#"
[rig]
notify = "cat >>notices"

[workers.a]
command = "while printf '\\033[H%s\\033[J' \"$(cat screen)\"; do sleep 0.1; done"
agent = "claude"
watch = { every = "100ms" }
"#;

const RULE: &str = "────────────────────────────────────────";

fn verdict(rig: &Rig) -> Option<(String, String)> {
    let status = rig.status();
    let verdict = &status["workers"][0]["verdict"];
    let text = |key: &str| verdict[key].as_str().map(str::to_owned);
    text("is").zip(text("evidence"))
}

fn until_seen(rig: &Rig, is: &str) -> String {
    rig.eventually(is, |rig| {
        let (now, evidence) = verdict(rig)?;
        (now == is).then_some(evidence)
    })
}

fn until_told(rig: &Rig, texts: &[&str]) {
    rig.eventually("told", |rig| {
        let history: Value = serde_json::from_str(&rig.done(&["history", "--json"])).unwrap();
        let history = history.as_array().unwrap().iter();
        let verdicts = ["worker-verdict", "worker-asking"];
        let of_it = |entry: &&Value| verdicts.iter().any(|event| entry["event"] == *event);
        let verdicts = history.filter(of_it);
        verdicts.map(|entry| &entry["text"]).eq(texts).then_some(())
    });
}

#[test]
fn who_goes_on_is_looked_at_by_what_is_known_of_its_agent_now() {
    let rig_with = |agents: &str| {
        let rig = RIG.replace("claude", "mytool");
        format!("{rig}\n[agents.mytool]\nextends = \"generic\"\n{agents}")
    };
    let mut rig = Rig::new(&rig_with(""));
    rig.write("screen", "Shall I go on\n");
    rig.start();
    until_seen(&rig, "working");
    let pid = rig.pid("a");
    rig.configure(&rig_with(
        "question = [{ line = '^(?P<question>Shall I .*)$' }]",
    ));
    let diff = rig.done(&["reload"]);
    assert!(diff.contains("~ worker a: agent (goes on)"), "{diff}");
    assert!(diff.contains("~ agent mytool"), "{diff}");
    assert_eq!(until_seen(&rig, "asking"), "Shall I go on");
    assert_eq!(rig.pid("a"), pid);
}

#[test]
fn what_stands_on_its_screen_is_shown_and_told() {
    let mut rig = Rig::new(RIG);
    rig.write("screen", &format!("⏺ Done.\n\n{RULE}\n❯ \n{RULE}\n"));
    rig.start();
    let waits = "a is waiting: for a word, at its input line";
    let asks = "a is asking: Do you want to proceed?";
    assert_eq!(until_seen(&rig, "waiting"), "for a word, at its input line");
    until_told(&rig, &[waits]);
    let pid = rig.pid("a");
    rig.write("screen", "Do you want to proceed?\n❯ 1. Yes\n  2. No\n");
    assert_eq!(until_seen(&rig, "asking"), "Do you want to proceed?");
    until_told(&rig, &[waits, asks]);
    rig.eventually("the operator is told", |rig| {
        (rig.read("notices") == format!("{asks}\n")).then_some(())
    });
    assert_eq!(rig.pid("a"), pid);
}
