use std::time::Duration;

use super::*;

#[test]
fn taken_is_what_left_something() {
    let taken = Verdict::Taken;
    let idle = "⏺ Done.";
    let works = "⏺ Done.\n\n✻ Brewing… (2s · esc to interrupt)";
    let asks = "Do you want to proceed?\n❯ 1. Yes\n  2. No\n";
    let before = claude(idle, "");
    for (after, says) in [
        (claude(idle, "go on"), Verdict::Left),
        (claude(works, "go on"), Verdict::Left),
        (claude(idle, "[Pasted text #1 +3 lines]"), Verdict::Left),
        // A key may have cleared it.
        (claude(idle, ""), Verdict::Open),
        (claude(idle, "go"), Verdict::Open),
        (claude("", ""), Verdict::Open),
        (claude(works, ""), taken(By::Work)),
        (claude(works, "and then"), taken(By::Work)),
        (claude("⏺ Done.\n\n❯ go on", ""), taken(By::Transcript)),
        (claude("⏺ Done.\n\n⏺ Well.", ""), taken(By::Progress)),
        (look(&profile("claude"), asks, None), taken(By::Question)),
        (look(&profile("claude"), "$ ", None), Verdict::Open),
    ] {
        let said = verdict(&profile("claude"), "go on", &before, &after);
        assert_eq!(said, says, "{:?}", after.screen);
    }
    // Who worked may ask because of that.
    let busy = claude(works, "");
    let asking = look(&profile("claude"), asks, None);
    assert_eq!(
        verdict(&profile("claude"), "go on", &busy, &asking),
        Verdict::Open
    );
    // And who worked goes on with it, whatever becomes of the text.
    for (after, says) in [
        (claude(works, ""), Verdict::Open),
        (
            claude("⏺ Done.\n\n⏺ Well.\n\n✻ Brewing… (3s)", ""),
            Verdict::Open,
        ),
        (
            claude("⏺ Done.\n\n❯ go on\n\n✻ Brewing… (3s)", ""),
            taken(By::Transcript),
        ),
    ] {
        let said = verdict(&profile("claude"), "go on", &busy, &after);
        assert_eq!(said, says, "{:?}", after.screen);
    }
    let dead = Look {
        dead: true,
        ..claude(works, "")
    };
    assert_eq!(
        verdict(&profile("claude"), "go on", &before, &dead),
        Verdict::Open
    );
}

#[test]
fn a_shell_has_taken_what_runs_or_ran() {
    let shell = profile("shell");
    let before = look(&shell, "$ \n", Some(0));
    let ran = look(&shell, "$ true\n$ \n", Some(1));
    assert_eq!(
        verdict(&shell, "true", &before, &ran),
        Verdict::Taken(By::Transcript)
    );
    let mut runs = look(&shell, "$ sleep 9\n", Some(1));
    assert_eq!(verdict(&shell, "sleep 9", &before, &runs), Verdict::Open);
    runs.readers = vec![Reader {
        pid: 8,
        names: vec!["sleep".into()],
    }];
    let by = By::Program("sleep".into());
    assert_eq!(
        verdict(&shell, "sleep 9", &before, &runs),
        Verdict::Taken(by)
    );
}

#[test]
fn it_is_pressed_again_after_growing_waits_and_then_no_more() {
    let millis = Duration::from_millis;
    let mut course = Course::pressed();
    for (since, next) in [
        (0, Next::Look),
        (199, Next::Look),
        (200, Next::Press),
        (999, Next::Look),
        (1000, Next::Press),
        (2999, Next::Look),
        (3000, Next::Press),
        (2999, Next::Look),
        (3000, Next::Left),
    ] {
        assert_eq!(course.next(Verdict::Left, millis(since)), next, "{since}");
    }
    assert_eq!(course.presses(), 4);
}

#[test]
fn taken_is_what_two_looks_say_and_what_none_says_is_undecided() {
    let millis = Duration::from_millis;
    let taken = || Verdict::Taken(By::Work);
    let mut course = Course::pressed();
    assert_eq!(course.next(taken(), millis(0)), Next::Look);
    assert_eq!(course.next(Verdict::Open, millis(5)), Next::Look);
    assert_eq!(course.next(taken(), millis(9)), Next::Look);
    assert_eq!(course.next(taken(), millis(10)), Next::Taken(By::Work));
    let mut course = Course::pressed();
    assert_eq!(course.next(Verdict::Open, millis(2999)), Next::Look);
    assert_eq!(course.next(Verdict::Open, millis(3000)), Next::Undecided);
}
