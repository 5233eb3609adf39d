//! What somebody meant who wrote a name that is not there.

/// A longer text is no misspelt name, and the distance to it is costly to find.
const LONGEST_GUESSED: usize = 100;

/// The name that was probably meant.
pub(crate) fn nearest<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if given.len() > LONGEST_GUESSED {
        return None;
    }
    let given = given.to_lowercase();
    known
        .into_iter()
        .filter_map(|name| {
            let lower = name.to_lowercase();
            // An abbreviation is meant, however much of the name it leaves out.
            let short = given.len() >= 3 && lower.starts_with(&given);
            let distance = if short {
                0
            } else {
                strsim::damerau_levenshtein(&given, &lower)
            };
            let longest = given.chars().count().max(lower.chars().count());
            (distance * 3 <= longest).then_some((distance, name))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
