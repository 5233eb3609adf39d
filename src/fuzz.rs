//! Bytes that nobody meant, for every place that reads what others wrote.
//!
//! Each target has a corpus in `tests/fuzz/<target>`: inputs that once were trouble, or might be. Every
//! run replays them, and then tries what can be made of them and some that have nothing to do with
//! them. What is found is made small and put into the corpus, so that it is replayed from then on.
//!
//! With `FUZZ_SECONDS=60` each target goes on for so long, and says how many inputs it was given.

use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{TestError, TestRunner},
};

/// Texts over which readers stumble.
const STONES: &[&str] = &[
    "\0",
    "\n",
    "\r\n",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "#",
    " ",
    "-1",
    "0",
    "256",
    "1e999",
    "null",
    "true",
    "18446744073709551616",
    "-9223372036854775809",
    "\u{feff}",
    "\\ud800",
    "\u{85}",
    "\u{202e}",
    "ä",
    "SIGKILL",
    "SIGRTMIN+99",
    "exited",
    "killed",
    "code",
    "lost",
    "done",
    "\x1b[",
    "\x1b[65535C",
    "\x1b]0;",
    "\x08",
];

/// One change of an input.
#[derive(Debug, Clone)]
enum Edit {
    Insert(Vec<u8>),
    Cut(usize),
    Again(usize),
    Flip(u8),
    End,
}

/// Whether it holds for the corpus of this target and for `cases` others, or as many as time allows.
pub(crate) fn fuzz(target: &str, cases: u32, holds: impl Fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz")
        .join(target);
    let seeds = seeds(&corpus);
    for (path, seed) in &seeds {
        let case = std::panic::AssertUnwindSafe(|| holds(seed));
        if let Err(panic) = std::panic::catch_unwind(case) {
            println!("{}: does not hold", path.display());
            std::panic::resume_unwind(panic);
        }
    }
    let tried = Cell::new(seeds.len());
    let limit = std::env::var("FUZZ_SECONDS")
        .ok()
        .map(|seconds| Duration::from_secs(seconds.parse().expect("FUZZ_SECONDS is a number")));
    let seeds: Vec<_> = seeds.into_iter().map(|(_, seed)| seed).collect();
    let began = Instant::now();
    loop {
        let config = ProptestConfig {
            cases,
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        let found = TestRunner::new(config).run(&inputs(seeds.clone()), |input| {
            tried.set(tried.get() + 1);
            holds(&input);
            Ok(())
        });
        match found {
            Ok(()) => {}
            Err(TestError::Fail(why, input)) => {
                let path = keep(&corpus, &input);
                panic!("{target}: {why}\n{input:?}\nkept as {}", path.display());
            }
            Err(TestError::Abort(why)) => panic!("{target}: {why}"),
        }
        if limit.is_none_or(|limit| began.elapsed() >= limit) {
            break;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{target}: {} cases in {seconds:.1} s", tried.get());
}

fn seeds(corpus: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files =
        fs::read_dir(corpus).unwrap_or_else(|error| panic!("{}: {error}", corpus.display()));
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{}: empty", corpus.display());
    let read = |path: PathBuf| (path.clone(), fs::read(path).unwrap());
    paths.into_iter().map(read).collect()
}

fn keep(corpus: &Path, input: &[u8]) -> PathBuf {
    use std::hash::Hasher as _;
    let mut name = fnv::FnvHasher::default();
    name.write(input);
    let path = corpus.join(format!("found-{:016x}", name.finish()));
    fs::write(&path, input).unwrap();
    path
}

fn inputs(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let stones: Vec<Vec<u8>> = STONES.iter().map(|text| text.as_bytes().to_vec()).collect();
    let insert = prop_oneof![select(stones), vec(any::<u8>(), 1..6)];
    let edit = prop_oneof![
        4 => insert.prop_map(Edit::Insert),
        2 => (1..16usize).prop_map(Edit::Cut),
        2 => (1..64usize).prop_map(Edit::Again),
        2 => (1..=255u8).prop_map(Edit::Flip),
        1 => Just(Edit::End),
    ];
    let of_a_seed = (select(seeds), vec((any::<Index>(), edit), 0..8));
    prop_oneof![
        6 => of_a_seed.prop_map(|(seed, edits)| edited(seed, edits)),
        1 => vec(any::<u8>(), 0..256),
    ]
}

fn edited(mut bytes: Vec<u8>, edits: Vec<(Index, Edit)>) -> Vec<u8> {
    for (at, edit) in edits {
        let at = at.index(bytes.len() + 1);
        let up_to = |n: usize| (at + n).min(bytes.len());
        match edit {
            Edit::Insert(more) => drop(bytes.splice(at..at, more)),
            Edit::Cut(n) => drop(bytes.drain(at..up_to(n))),
            Edit::Again(n) => {
                let part = bytes[at..up_to(n)].to_vec();
                drop(bytes.splice(at..at, part));
            }
            Edit::Flip(bits) => bytes
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|byte| *byte ^= bits),
            Edit::End => bytes.truncate(at),
        }
    }
    bytes
}
