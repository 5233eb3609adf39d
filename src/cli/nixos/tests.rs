use super::{owner::Owner, *};

fn module(base: &str, text: &str) -> String {
    module_of(None, base, text)
}

fn module_of(owner: Option<&str>, base: &str, text: &str) -> String {
    let owner = owner.map(|name| Owner {
        name: name.to_owned(),
    });
    let rig = Rig::new(Path::new(base), Some("/home/u".into()), owner);
    let (options, warnings) = rig.options(&text.parse().unwrap());
    warnings
        .into_iter()
        .map(|warning| format!("# {warning}\n"))
        .collect::<String>()
        + &options.to_string()
}

#[test]
fn a_whole_rig_is_written_as_options() {
    let text = std::fs::read_to_string("tests/config/example.toml").unwrap();
    insta::assert_snapshot!(module("/etc/loopkeeper", &text));
}

#[test]
fn what_began_at_the_files_directory_still_does() {
    let text = r#"
[rig]
notify = "./tell"
[[plan.phases]]
id = "1d"
brief = "docs/1d.md"
until = { command = ["./check", "all"] }
[[plan.phases]]
id = "1e"
until = { file = "~/done" }
[workers.builder]
command = ["./loop.sh"]
[workers.linter]
command = ["lint"]
worktree = "lint"
"#;
    insta::assert_snapshot!(module("/srv/rig", text));
}

#[test]
fn what_is_on_another_host_stays_as_it_is() {
    let text = r#"
[hosts.attic]
ssh = "attic"
ssh_config = "ssh_config"
identity = "~/.ssh/attic"
path = "loops"
[defaults]
on = "attic"
[workers.there]
command = ["./loop.sh"]
workdir = "work"
systemd = {}
worktree = "work"
stop = { grace = "1.5s" }
[workers.somewhere]
command = ["loop"]
on_phase = "keep"
[workers.here]
on = "local"
command = ["./loop.sh"]
"#;
    insta::assert_snapshot!(module_of(Some("u"), "/srv/rig", text));
}

#[test]
fn two_files_of_one_name_are_two_secrets() {
    let text = r#"
[proxy]
auth = "users"
[workers.a]
command = "true"
secrets = { token = "/run/a" }
[workers.b]
command = "true"
secrets = { token = "/run/b", key = "/run/key" }
"#;
    insta::assert_snapshot!(module("/etc/loopkeeper", text));
}

#[test]
fn durations_sizes_and_signals_have_one_form() {
    let text = r#"
[workers.a]
command = "true"
keep_output = "2097152"
on_secret_change = "hup"
stop = { signal = "15", grace = "1.5s" }
backoff = { first = "PT90S", most = "1 hour 1 minute" }
"#;
    insta::assert_snapshot!(module("/etc/loopkeeper", text));
}

#[test]
fn a_proxy_that_is_logged_in_already_says_so() {
    let text = r#"
[proxy]
kind = "tailscale"
state = "/var/lib/tailscale"
"#;
    assert!(module("/etc/loopkeeper", text).contains("authKey = null;"));
}

#[test]
fn whom_the_defaults_name_runs_what_names_nobody() {
    let text = r#"
[defaults.systemd]
User = "d"
[workers.a]
command = "true"
worktree = "/srv/a"
"#;
    let tables: Table = text.parse().unwrap();
    let owner = Owner { name: "u".into() };
    assert_eq!(owner.warnings(Path::new("/srv/rig"), &tables), [""; 0]);
    assert!(!module_of(Some("u"), "/srv", text).contains(r#"user = "u""#));
}

#[test]
fn what_a_user_ran_is_run_as_that_user() {
    let text = r#"
[proxy]
kind = "command"
command = ["~/bin/proxy", "~/x"]
[workers.a]
command = ["~/bin/a"]
worktree = "~/a"
ready = { command = ["~/bin/ready"] }
alive = { command = ["~/bin/alive"] }
[workers.b]
command = "true"
worktree = "/srv/b"
systemd = { User = "b", Nice = 5 }
"#;
    insta::assert_snapshot!(module_of(Some("u"), "/home/u/.config/loopkeeper", text), @r#"
    {
      enable = true;
      proxy = {
        enable = true;
        command = [
          "/home/u/bin/proxy"
          "~/x"
        ];
        kind = "command";
        serviceOverrides = {
          User = "u";
        };
        workdir = "/home/u/.config/loopkeeper";
      };
      workers = {
        a = {
          alive = {
            command = [ "/home/u/bin/alive" ];
          };
          command = [ "/home/u/bin/a" ];
          ready = {
            command = [ "/home/u/bin/ready" ];
          };
          worktree = "/home/u/a";
          user = "u";
        };
        b = {
          command = "true";
          user = "b";
          serviceOverrides = {
            Nice = 5;
          };
          worktree = "/srv/b";
        };
      };
    }
    "#);
}
