//! What audits repaired, and whether there is more to repair.

use crate::core::table::Drift;

/// Corrections of the table so far, by [`Drift`].
type Counts = [u64; Drift::ALL.len()];

/// The corrections when an audit began and when one ended.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    began: Counts,
    /// `None` before the end of the first: until then nothing is known that could be wrong.
    audited: Option<Counts>,
}

impl Repairs {
    /// A sweep begins.
    pub(super) fn begin(&mut self, drift: Counts) {
        self.began = drift;
    }

    /// An audit ended: what was corrected since it began, by kind; `None` when that is nothing.
    pub(super) fn end(&mut self, drift: Counts) -> Option<String> {
        self.audited = Some(drift);
        let kinds = Drift::ALL.map(|kind| {
            let repairs = drift[kind as usize] - self.began[kind as usize];
            format!("{}={repairs}", kind.name())
        });
        (drift != self.began).then(|| kinds.join(" "))
    }

    /// Whether the table was corrected since the last audit: a record told of a state before that was
    /// another in the table. So a transition was not announced, and there may be more.
    pub(super) fn are_unexplained(&self, drift: Counts) -> bool {
        self.audited.is_some_and(|audited| audited != drift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_audit_repaired_is_named_by_kind_and_nothing_is_clean() {
        let mut repairs = Repairs::default();
        repairs.begin([1, 2, 3, 4]);
        assert_eq!(repairs.end([1, 2, 3, 4]), None);
        repairs.begin([1, 2, 3, 4]);
        let kinds = repairs.end([1, 3, 3, 6]);
        assert_eq!(
            kinds.as_deref(),
            Some("missed=0 vanished=1 state=0 reborn=2")
        );
    }

    #[test]
    fn a_correction_outside_of_an_audit_asks_for_one() {
        let mut repairs = Repairs::default();
        assert!(
            !repairs.are_unexplained([5, 0, 0, 0]),
            "the first audit comes anyway"
        );
        repairs.begin([5, 0, 0, 0]);
        repairs.end([6, 0, 0, 0]);
        assert!(!repairs.are_unexplained([6, 0, 0, 0]));
        assert!(repairs.are_unexplained([6, 0, 1, 0]));
        repairs.begin([6, 0, 1, 0]);
        repairs.end([6, 0, 1, 0]);
        assert!(!repairs.are_unexplained([6, 0, 1, 0]));
    }
}
