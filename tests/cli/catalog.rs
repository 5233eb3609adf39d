//! The message catalog, as journalctl(1) reads it, and the events of the program, as its source
//! names them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use loopkeeper::systemd::catalog;
use regex::Regex;

use crate::scripted::Home;

/// What `generate catalog` prints.
fn printed(home: &Home) -> String {
    let printed = home
        .supervisorctl()
        .args(["generate", "catalog"])
        .assert()
        .code(0);
    String::from_utf8(printed.get_output().stdout.clone()).unwrap()
}

/// journalctl(1) on a system of its own below `root`.
fn journalctl(root: &Path, arguments: &[&str]) -> String {
    let output = Command::new("journalctl")
        .arg(format!("--root={}", root.display()))
        .args(arguments)
        .output()
        .expect("journalctl can be run");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn journalctl_reads_the_catalog_as_it_is_printed() {
    let home = Home::new();
    let root = home.path().join("root");
    let place = root.join("usr/lib/systemd/catalog/loopkeeper.catalog");
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::create_dir_all(root.join("var/lib/systemd/catalog")).unwrap();
    let printed = printed(&home);
    fs::write(&place, &printed).unwrap();
    journalctl(&root, &["--update-catalog"]);
    let dumped = journalctl(&root, &["--dump-catalog"]);
    let entries = |text: &str| -> BTreeSet<String> {
        let entries = text.split("\n-- ").skip(1);
        entries.map(|entry| entry.trim_end().to_owned()).collect()
    };
    // The first one has no line before it there.
    assert_eq!(entries(&format!("\n{dumped}")), entries(&printed));
}

/// The program's own source, without what is only for tests.
fn source(folder: &str) -> Vec<String> {
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut texts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("scenario") {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let text = fs::read_to_string(path).unwrap();
                let own = text.split("#[cfg(test)]\nmod tests {").next();
                texts.extend(own.map(str::to_owned));
            }
        }
    }
    texts
}

#[test]
fn the_catalog_has_the_events_that_are_told_and_no_others() {
    let told = Regex::new(
        r#"(?:\.(?:tell|tell_of|announce)\(\s*(?:now,\s*)?|own_notice\(\s*)"([a-z-]+)""#,
    );
    let told = told.unwrap();
    let texts = ["src/decide", "src/daemon", "src/cutover"]
        .map(source)
        .concat();
    let told: BTreeSet<&str> = texts
        .iter()
        .flat_map(|text| told.captures_iter(text))
        .filter_map(|found| Some(found.get(1)?.as_str()))
        .collect();
    assert!(told.len() > 20, "{told:?}");
    let unexplained: Vec<_> = told
        .iter()
        .filter(|event| catalog::entry(event).is_none())
        .collect();
    assert!(unexplained.is_empty(), "no entry for {unexplained:?}");
    for entry in catalog::entries() {
        // Some words come out of a match, so that one is there is all that can be asked.
        let word = format!("\"{}\"", entry.event);
        assert!(
            texts.iter().any(|text| text.contains(&word)),
            "{word} is explained, and nobody tells it"
        );
    }
}
