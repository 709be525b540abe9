use proptest::prelude::*;

use super::*;

/// A crowd of so many.
#[derive(Clone, Debug, Default)]
struct Crowd {
    heads: u64,
    trouble: u8,
}

impl Sums for Crowd {
    const LABELS: usize = 2;
    const MOST_SERIES: u64 = 3;

    fn join(&mut self, more: &Self) {
        self.heads += more.heads;
        self.trouble = self.trouble.max(more.trouble);
    }

    fn series(&self, counters: &Counters) -> u32 {
        2 + u32::from(counters[0] > 0)
    }

    fn size(&self) -> u64 {
        self.heads
    }

    fn trouble(&self) -> u8 {
        self.trouble
    }
}

fn member(number: u8) -> Member {
    match number {
        0 => [OTHER.into(), String::new()].into(),
        number => [number.to_string(), "x".into()].into(),
    }
}

fn entries(crowds: &[(u8, u64, u8, u64)]) -> Entries<Crowd> {
    let mut entries = Entries::<Crowd>::default();
    for (number, heads, trouble, gain) in crowds {
        let entry = entries.entry(member(*number)).or_default();
        entry.sums.join(&Crowd {
            heads: *heads,
            trouble: *trouble,
        });
        entry.gains[0] += gain;
    }
    entries
}

fn row(rows: &Rows<Crowd>, number: u8) -> Option<(u64, u64)> {
    let row = rows.rows.iter().find(|row| row.member == member(number))?;
    Some((row.sums.heads, row.counters[0]))
}

#[test]
fn what_has_no_room_stands_together() {
    let mut book = Book::default();
    let crowds = [(1, 100, 0, 5), (2, 50, 0, 1), (3, 10, 0, 2)];
    let rows = book.close(entries(&crowds), 3 + 4, 0);
    assert_eq!(row(&rows, 1), Some((100, 5)));
    assert_eq!(row(&rows, 2), None);
    assert_eq!(row(&rows, 0), Some((60, 3)));
    assert_eq!(rows.dropped, 6);
    assert_eq!(book.wanted(&entries(&crowds)), 3 + 9 + 1);
    let rows = book.close(entries(&crowds), 100, 1);
    assert_eq!(row(&rows, 1), Some((100, 10)));
    assert_eq!(
        row(&rows, 2),
        Some((50, 1)),
        "its own begins with what it gained now"
    );
    assert_eq!(row(&rows, 0), Some((0, 3)));
    assert_eq!(rows.dropped, 0);
}

#[test]
fn whoever_is_called_like_the_others_is_one_of_them() {
    let mut book = Book::default();
    let rows = book.close(entries(&[(0, 7, 3, 1), (1, 5, 0, 0)]), 100, 0);
    assert_eq!(row(&rows, 0), Some((7, 1)));
    assert_eq!(row(&rows, 1), Some((5, 0)));
    assert_eq!(rows.rows.len(), 2);
}

#[test]
fn a_member_that_has_gone_is_empty_and_keeps_its_counters() {
    let mut book = Book::default();
    book.close(entries(&[(1, 5, 0, 4)]), 100, 0);
    let rows = book.close(entries(&[]), 100, 1);
    assert_eq!(row(&rows, 1), Some((0, 4)));
}

type Crowds = Vec<(u8, u64, u8, u64)>;

fn crowds() -> impl Strategy<Value = Crowds> {
    prop::collection::vec((0u8..30, 0u64..1000, 0u8..3, 0u64..5), 0..40)
}

proptest! {
    #[test]
    fn the_sum_is_true_the_room_is_kept_and_the_others_never_count_down(
        steps in prop::collection::vec((crowds(), 0u64..120, 0u64..200), 1..25),
    ) {
        let mut book = Book::default();
        let mut others = 0;
        let mut now_ns = 0;
        for (crowds, room, seconds) in steps {
            now_ns += seconds * 1_000_000_000;
            let rows = book.close(entries(&crowds), room, now_ns);
            let heads: u64 = rows.rows.iter().map(|row| row.sums.heads).sum();
            prop_assert_eq!(heads, crowds.iter().map(|it| it.1).sum::<u64>());
            let series = rows.rows.iter().map(|row| row.sums.series(&row.counters));
            let series: u64 = series.map(u64::from).sum();
            // The one for the others is there at any price.
            prop_assert!(series <= room.max(Crowd::MOST_SERIES), "{series} of {room}");
            let (_, counted) = row(&rows, 0).unwrap();
            prop_assert!(counted >= others);
            others = counted;
        }
    }

    #[test]
    fn every_gain_is_counted_once(
        steps in prop::collection::vec(crowds(), 1..25),
    ) {
        let mut book = Book::default();
        let mut before: FxHashMap<Member, u64> = FxHashMap::default();
        for (crowds, now_ns) in steps.iter().zip((0..).step_by(15_000_000_000)) {
            let rows = book.close(entries(crowds), 40, now_ns);
            let gained: u64 = crowds.iter().map(|it| it.3).sum();
            let counted = rows.rows.iter().map(|row| {
                row.counters[0] - before.get(&row.member).copied().unwrap_or(0)
            });
            prop_assert_eq!(counted.sum::<u64>(), gained);
            let counters = rows.rows.iter().map(|row| (row.member.clone(), row.counters[0]));
            before = counters.collect();
        }
    }
}
