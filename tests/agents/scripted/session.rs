//! The conversation that the agent's arguments name.

/// A conversation.
pub(crate) struct Session {
    /// Given, or made up.
    pub(crate) id: String,
    /// It was there before.
    pub(crate) resumed: bool,
}

impl Session {
    pub(crate) fn of(arguments: &[String]) -> Self {
        let goes_on = |argument: &str| {
            let words = ["--resume", "-r", "resume", "--continue", "-c"];
            words.contains(&argument) || argument == "--restore-chat-history"
        };
        let names =
            |argument: &str| matches!(argument, "--session-id" | "--resume" | "-r" | "resume");
        let mut pairs = arguments.windows(2);
        let named = pairs.find(|pair| names(&pair[0]) && !pair[1].starts_with('-'));
        let id = named.map(|pair| pair[1].clone());
        Self {
            id: id.unwrap_or_else(made_up),
            resumed: arguments.iter().any(|argument| goes_on(argument)),
        }
    }
}

fn made_up() -> String {
    let hex = format!("{:032x}", fastrand::u128(..));
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}
