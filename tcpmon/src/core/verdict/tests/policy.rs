//! What the policy lets be judged.

use crate::core::facts::MachineFact;
use crate::core::table::Table;
use crate::core::verdict::thresholds::{SECOND_NS, Scope};
use crate::core::verdict::{Judge, Kind, Policy};

/// A machine with all its orphans, judged until a verdict stands.
fn in_trouble(judge: &mut Judge) -> Table {
    let mut table = Table::new();
    table.describe_machine(MachineFact {
        max_orphans: Some(100),
        orphans: Some(100),
        ..MachineFact::default()
    });
    for second in 0..5 {
        judge.evaluate(&mut table, second * SECOND_NS);
    }
    table
}

#[test]
fn when_nothing_is_to_be_judged_what_stands_ends_and_comes_back_when_it_is() {
    let mut judge = Judge::new(Policy::default());
    let mut table = in_trouble(&mut judge);
    assert_eq!(judge.verdicts().len(), 1);

    judge.set_policy(Policy {
        enabled: false,
        ..Policy::default()
    });
    for second in 5..60 {
        judge.evaluate(&mut table, second * SECOND_NS);
    }
    assert!(judge.verdicts().is_empty());
    assert_eq!(judge.past().count(), 1);
    assert_eq!(judge.cases(), 0);

    judge.set_policy(Policy::default());
    for second in 60..65 {
        judge.evaluate(&mut table, second * SECOND_NS);
    }
    assert_eq!(judge.verdicts().len(), 1);
}

#[test]
fn what_is_ignored_has_no_verdict() {
    let ignored = Scope {
        kind: Some(Kind::OrphansNearLimit),
        ..Scope::default()
    };
    let mut judge = Judge::new(Policy {
        ignore: vec![ignored],
        ..Policy::default()
    });
    in_trouble(&mut judge);
    assert!(judge.verdicts().is_empty());
}
