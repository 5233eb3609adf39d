//! What is run on a host, as its shell gets it.
//!
//! The command that the host is asked to run is always the same, [`COMMAND`]: whatever the login shell is,
//! it understands that, and nothing is glued into a command line or seen in a list of processes. What is to
//! be done comes on standard input, for a POSIX shell, with every argument quoted.
//!
//! First that shell is greeted, and nothing else is sent before it has answered: so a script whose shell
//! never came to be is known not to have begun. The script then is one compound command, which a shell reads
//! to its end before it begins: one whose end did not come through does nothing at all; nothing in it can
//! take the rest of it for its input, however large the blocks are in which the shell reads; and what comes
//! after it is never taken for commands, since it ends in `exit`.
//!
//! Login shells speak, in `.bashrc` above all, and what a script leaves running may hold its outputs open. So
//! both outputs have a mark with a random number in them where the script begins, before which all is
//! dropped, and another one where it has ended, after which nobody waits for more.

/// What a host is asked to run. The script is its input.
pub(super) const COMMAND: &str = "exec sh -s";

/// A POSIX shell script with its arguments, `$1` and so on.
///
/// It runs in a subshell, so it may `exit`. To [`Link::run`](super::Link::run) its standard input is empty,
/// to a [`Channel`](super::Channel) it is what is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    body: &'static str,
    arguments: Vec<String>,
}

/// A script as it is sent.
#[derive(Debug)]
pub(super) struct Rendered {
    /// What is sent first.
    pub(super) greeting: String,
    /// What is sent when the greeting was answered.
    pub(super) text: String,
    pub(super) marks: Marks,
}

/// What is said between what the script says.
#[derive(Debug, Clone)]
pub(super) struct Marks {
    /// The answer to the greeting, on standard output.
    pub(super) greets: String,
    /// Before the script, on both outputs.
    pub(super) begins: String,
    /// After it, on both.
    pub(super) ends: String,
}

impl Script {
    /// A script without arguments.
    pub const fn new(body: &'static str) -> Self {
        Self {
            body,
            arguments: Vec::new(),
        }
    }

    /// With one more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// As a shell reads it.
    ///
    /// # Errors
    /// An argument has a zero byte, which none can have. Gives its number.
    pub(super) fn render(&self) -> Result<Rendered, usize> {
        let marks = Marks::new();
        let mut set = "set --".to_owned();
        for (at, argument) in self.arguments.iter().enumerate() {
            set.push(' ');
            set += &shlex::try_quote(argument).map_err(|_| at + 1)?;
        }
        let Marks {
            greets,
            begins,
            ends,
        } = &marks;
        let body = self.body;
        let text = format!(
            "{{\n{set}\nprintf %s '{begins}'\nprintf %s '{begins}' >&2\n(\n{body}\n)\nset -- \"$?\"\n\
             printf %s '{ends}'\nprintf %s '{ends}' >&2\nexit \"$1\"\n}}\n"
        );
        Ok(Rendered {
            greeting: format!("printf %s '{greets}'\n"),
            text,
            marks,
        })
    }
}

impl Marks {
    fn new() -> Self {
        // It is no secret: it must only not be said by accident.
        let number = fastrand::u128(..);
        let mark = |what: &str| format!("<loopkeeper {number:032x} {what}>");
        Self {
            greets: mark("listens"),
            begins: mark("begins"),
            ends: mark("ends"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write as _,
        process::{Command, Output, Stdio},
    };

    use proptest::prelude::*;

    use super::*;

    /// dash reads its input in blocks, bash byte by byte.
    const SHELLS: [&str; 2] = ["sh", "bash"];

    /// What a shell that is here makes of it.
    fn run(shell: &str, text: &str) -> Output {
        let mut shell = Command::new(shell)
            .arg("-s")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = shell.stdin.take().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        drop(input);
        shell.wait_with_output().unwrap()
    }

    /// Both outputs of a script, and its exit code.
    fn said(shell: &str, script: &Script) -> (Vec<u8>, Vec<u8>, Option<i32>) {
        let Rendered {
            greeting,
            text,
            marks,
        } = script.render().unwrap();
        let output = run(shell, &(greeting + &text));
        let own = |bytes: &[u8]| {
            let rest = bytes.strip_prefix(marks.begins.as_bytes()).unwrap();
            rest.strip_suffix(marks.ends.as_bytes()).unwrap().to_vec()
        };
        let stdout = output.stdout.strip_prefix(marks.greets.as_bytes());
        (
            own(stdout.unwrap()),
            own(&output.stderr),
            output.status.code(),
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn arguments_come_through_a_shell_byte_for_byte(
            arguments in prop::collection::vec(
                "[^\0]{0,20}|[ '\"\\\\$`!*~;&|<>(){}\\[\\]#\n\t\r=^-]{0,20}", 0..6
            )
        ) {
            let mut script = Script::new(r#"for each; do printf '%s\0' "$each"; done"#);
            let mut expected = Vec::new();
            for argument in arguments {
                expected.extend_from_slice(argument.as_bytes());
                expected.push(0);
                script = script.arg(argument);
            }
            for shell in SHELLS {
                prop_assert_eq!(said(shell, &script), (expected.clone(), Vec::new(), Some(0)));
            }
        }
    }

    #[test]
    fn it_may_exit_and_speak_of_errors_and_its_input_is_empty() {
        let script = Script::new("cat; echo out; echo err >&2; exit 7");
        let expected = (b"out\n".to_vec(), b"err\n".to_vec(), Some(7));
        for shell in SHELLS {
            assert_eq!(said(shell, &script), expected);
        }
    }

    #[test]
    fn one_whose_end_did_not_come_through_does_nothing() {
        let script = Script::new("echo one\necho two").arg("a b").arg("it's");
        let text = script.render().unwrap().text;
        for shell in SHELLS {
            for end in 0..text.len() - 2 {
                let said = run(shell, &text[..end]).stdout;
                assert_eq!(String::from_utf8_lossy(&said), "", "cut at {end}");
            }
        }
    }

    #[test]
    fn what_comes_after_it_is_no_command() {
        let text = Script::new("true").render().unwrap().text;
        for shell in SHELLS {
            let said = run(shell, &format!("{text}echo 'a command'\n")).stdout;
            let said = String::from_utf8(said).unwrap();
            assert!(!said.contains("a command"), "{said}");
        }
    }

    #[test]
    fn a_zero_byte_is_refused() {
        let script = Script::new("true").arg("a").arg("b\0c");
        assert_eq!(script.render().unwrap_err(), 2);
    }
}
