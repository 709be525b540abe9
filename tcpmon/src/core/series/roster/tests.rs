use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000_000;

fn standing(size: u64, trouble: u8, cost: u32) -> Standing {
    Standing {
        size,
        trouble,
        cost,
    }
}

/// Candidates by name, each of ten series.
fn candidates(sizes: &[(u32, u64)]) -> FxHashMap<u32, Standing> {
    let sizes = sizes.iter();
    sizes
        .map(|(key, size)| (*key, standing(*size, 0, 10)))
        .collect()
}

fn members(roster: &Roster<u32>) -> Vec<u32> {
    let mut members: Vec<u32> = roster.members().copied().collect();
    members.sort_unstable();
    members
}

#[test]
fn the_largest_come_in_and_some_room_is_left_for_growth() {
    let mut roster = Roster::default();
    let all = candidates(&[(1, 5), (2, 50), (3, 500), (4, 1)]);
    roster.seat(&all, |_| 10, 30, 0);
    assert_eq!(members(&roster), [2, 3]);
    roster.seat(&all, |_| 10, 1000, SECOND);
    assert_eq!(members(&roster), [1, 2, 3, 4]);
}

#[test]
fn a_newcomer_must_be_much_larger_and_wait() {
    let mut roster = Roster::default();
    roster.seat(&candidates(&[(1, 100), (2, 200)]), |_| 10, 22, 0);
    assert_eq!(members(&roster), [1, 2]);
    let now = candidates(&[(1, 100), (2, 200), (3, 5000)]);
    roster.seat(&now, |_| 10, 22, STAY_NS - 1);
    assert_eq!(members(&roster), [1, 2], "they came lately");
    let slightly = candidates(&[(1, 100), (2, 200), (3, 200)]);
    roster.seat(&slightly, |_| 10, 22, STAY_NS);
    assert_eq!(members(&roster), [1, 2], "it is not much larger");
    roster.seat(&now, |_| 10, 22, STAY_NS);
    assert_eq!(members(&roster), [2, 3]);
}

#[test]
fn who_has_gone_stays_for_some_minutes() {
    let mut roster = Roster::default();
    roster.seat(&candidates(&[(1, 1)]), |_| 10, 100, 0);
    roster.seat(&candidates(&[]), |_| 10, 100, STAY_NS);
    assert_eq!(members(&roster), [1]);
    roster.seat(&candidates(&[]), |_| 10, 100, STAY_NS + 1);
    assert!(members(&roster).is_empty());
}

#[test]
fn who_has_gone_long_ago_makes_room() {
    let mut roster = Roster::default();
    roster.seat(&candidates(&[(1, 100), (2, 100)]), |_| 10, 22, 0);
    roster.seat(&candidates(&[(1, 100), (2, 100)]), |_| 10, 22, STAY_NS);
    roster.seat(
        &candidates(&[(2, 100), (3, 1)]),
        |_| 10,
        22,
        STAY_NS + SECOND,
    );
    assert_eq!(members(&roster), [2, 3]);
}

#[test]
fn trouble_comes_first_and_needs_no_waiting() {
    let mut roster = Roster::default();
    roster.seat(&candidates(&[(1, 100), (2, 200)]), |_| 10, 22, 0);
    let mut all = candidates(&[(1, 100), (2, 200)]);
    all.insert(3, standing(1, 2, 10));
    roster.seat(&all, |_| 10, 22, SECOND);
    assert_eq!(members(&roster), [2, 3]);
    // Who is in trouble itself stays, unless it is worse elsewhere.
    all.insert(2, standing(200, 2, 10));
    all.insert(4, standing(1, 2, 10));
    roster.seat(&all, |_| 10, 22, 2 * SECOND);
    assert_eq!(members(&roster), [2, 3]);
    all.insert(4, standing(1, 3, 10));
    roster.seat(&all, |_| 10, 22, 3 * SECOND);
    assert_eq!(members(&roster), [2, 4]);
}

#[test]
fn nobody_leaves_for_one_who_does_not_fit() {
    let mut roster = Roster::default();
    roster.seat(&candidates(&[(1, 100), (2, 200)]), |_| 10, 22, 0);
    let mut all = candidates(&[(1, 100), (2, 200)]);
    all.insert(3, standing(1, 3, 23));
    roster.seat(&all, |_| 10, 22, SECOND);
    assert_eq!(members(&roster), [1, 2]);
}

fn any_candidates(trouble: u8) -> impl Strategy<Value = FxHashMap<u32, Standing>> {
    let one = (0u32..40, 0u64..1000, 0..=trouble, 1u32..30);
    prop::collection::vec(one, 0..40).prop_map(|all| {
        let all = all.into_iter();
        all.map(|(key, size, trouble, cost)| (key, standing(size, trouble, cost)))
            .collect()
    })
}

proptest! {
    #[test]
    fn the_room_is_never_exceeded(
        steps in prop::collection::vec((any_candidates(3), 0u64..400, 0u64..400), 1..20),
    ) {
        let mut roster = Roster::default();
        let mut now_ns = 0;
        for (all, room, seconds) in steps {
            now_ns += seconds * SECOND;
            roster.seat(&all, |key| key % 7, room, now_ns);
            let cost = |key: &u32| all.get(key).map_or(key % 7, |it| it.cost);
            let used: u64 = roster.members().map(|key| u64::from(cost(key))).sum();
            prop_assert!(used <= room, "{used} of {room}");
        }
    }

    #[test]
    fn whoever_is_in_trouble_is_in_while_there_is_room_for_all_of_them(
        steps in prop::collection::vec(any_candidates(3), 1..20),
    ) {
        let mut roster = Roster::default();
        for (all, now_ns) in steps.into_iter().zip((0..).step_by(15_000_000_000)) {
            let troubled = all.values().filter(|it| it.trouble > 0);
            let room: u64 = troubled.map(|it| u64::from(it.cost)).sum();
            // Of those who are in trouble equally, one may hold the place of a larger one: a little more.
            roster.seat(&all, |_| 1, room + 30, now_ns);
            for (key, it) in &all {
                prop_assert!(it.trouble == 0 || roster.has(key), "{key}: {it:?}");
            }
        }
    }

    #[test]
    fn membership_does_not_flap(
        steps in prop::collection::vec(prop::collection::vec((0u32..40, 0u64..1000), 0..40), 1..80),
        room in 0u64..300,
    ) {
        let mut roster = Roster::default();
        let mut came: FxHashMap<u32, u64> = FxHashMap::default();
        for (sizes, now_ns) in steps.into_iter().zip((0..).step_by(15_000_000_000)) {
            roster.seat(&candidates(&sizes), |_| 10, room, now_ns);
            for (key, since_ns) in &came {
                let stayed = now_ns - since_ns;
                prop_assert!(roster.has(key) || stayed >= STAY_NS, "{key} stayed {stayed} ns");
            }
            came.retain(|key, _| roster.has(key));
            for key in roster.members() {
                came.entry(*key).or_insert(now_ns);
            }
        }
    }
}
