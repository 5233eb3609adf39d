//! What agents are told by themselves: each mistake in it, and what is none.

use std::fmt::Write as _;

use crate::fixture::Machine;

fn with(plan: bool, say: &str) -> String {
    let plan = match plan {
        true => "[[plan.phases]]\nid = 'p1'\n",
        false => "",
    };
    format!("{plan}[workers.a]\ncommand = 'x'\nagent = 'claude'\n[workers.a.say]\n{say}\n")
}

#[test]
fn each_mistake_of_what_is_said_is_told() {
    let machine = Machine::new();
    machine.write("/etc/loopkeeper/brief.txt", "Begin.\n\n{{ phas }}\n", 0o644);
    machine.write("/etc/loopkeeper/bell.txt", "Begin\u{7}.\n", 0o644);
    let mut told = String::new();
    for (plan, text) in [
        (true, "start = 'in {{ phas }}'"),
        (true, "start = \"\"\"\nBegin\nwith {{ pahse }}\"\"\""),
        (
            true,
            "start = '{% if false %}{{ phase | uper }}{% endif %}'",
        ),
        (true, "start = '{{ phase.id }} {{ phase is defined }}'"),
        (true, "start = '{{ exit }}{{ rebooted_at }}{{ whatever }}'"),
        (true, "crash = '{{ previous_phase }}'"),
        (true, "start = 'begin {{ phase'"),
        (true, "start = 'begin {% if phase %}'"),
        (true, "start = '{{ phase + 1 }}'"),
        (true, "start = ''"),
        (true, "start = ' {# nothing #} '"),
        (true, "start = \"bell \\u0007\""),
        (true, "start = 3"),
        (true, "strat = 'x'"),
        (true, "start = { file = 'brief.txt' }"),
        (true, "start = { file = 'bell.txt' }"),
        (true, "start = { file = 'missing.txt' }"),
        (true, "start = { file = '/srv' }"),
        (true, "start = {}"),
        (true, "start = { fiel = 'brief.txt' }"),
        (false, "start = '{{ phase }} {{ brief }}'"),
        (false, "phase = '{{ phase }} after {{ previous_phase }}'"),
    ] {
        let wrong = machine.wrong(&with(plan, text)).join("\n    ");
        writeln!(told, "{text}\n    {wrong}").unwrap();
    }
    let nobody = "[workers.a]\ncommand = 'x'\nsay.start = 'x'";
    writeln!(
        told,
        "{nobody}\n    {}",
        machine.wrong(nobody).join("\n    ")
    )
    .unwrap();
    insta::assert_snapshot!(told);
}

#[test]
fn what_is_not_there_is_shown_where_it_stands() {
    let text = with(
        true,
        "start = 'go on with {{ phas }} of {{ phase_count | uper }}'",
    );
    let complaints = Machine::new().parse(&text).unwrap_err();
    insta::assert_snapshot!(complaints.render(false));
}

#[test]
fn all_that_is_known_may_be_named() {
    let machine = Machine::new();
    machine.write("/etc/loopkeeper/brief.txt", "{{ phase }}\n", 0o644);
    let each = "{{ worker }}{{ rig }}{{ restarts }}{{ phase }}{{ phase_number }}{{ phase_count }}{{ brief }}";
    let text = with(
        true,
        &format!(
            "start = '{each}'\ncrash = '{each}{{{{ exit }}}}'\nphase = '{each}{{{{ previous_phase }}}}'\n\
             reboot = '{each}{{{{ rebooted_at }}}}{{{{ down_for }}}}{{{{ reboot_count }}}}{{{{ report }}}}\
             {{% if clean %}}!{{% endif %}}'"
        ),
    );
    machine.parse(&text).unwrap();
    let some = "start = '{% if restarts %}again{% endif %}'\nreboot = { file = 'brief.txt' }";
    machine.parse(&with(true, some)).unwrap();
}

#[test]
fn another_text_is_another_rule_and_no_other_worker() {
    let machine = Machine::new();
    let parsed = |text: &str| machine.parse(&with(true, text)).unwrap();
    machine.write("/etc/loopkeeper/brief.txt", "one\n", 0o644);
    let before = parsed("start = { file = 'brief.txt' }");
    machine.write("/etc/loopkeeper/brief.txt", "two\n", 0o644);
    let after = parsed("start = { file = 'brief.txt' }");
    let diff = loopkeeper::config::diff(&before, &after);
    assert_eq!(diff.to_string(), "~ worker a: say (goes on)\n");
    let definition = |config: &loopkeeper::config::Config| config.workers["a"].definition();
    assert_eq!(definition(&before), definition(&after));
}
