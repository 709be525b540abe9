//! The moment the table speaks of. Pure: time comes in.
//!
//! An agent that was kept from running finds its ring full of what happened meanwhile. Until that is
//! applied, what it knows is as old as the last record it took, and so is "now": against the clock
//! every socket that was just passing through a state would seem to be stuck in it.

/// The latest moment told so far.
#[derive(Debug, Default)]
pub(super) struct Moment {
    ns: u64,
}

impl Moment {
    /// The moment at `now_ns`: that, or, where records are left in the ring, the time of the last one
    /// applied. Never goes back.
    pub(super) const fn at(&mut self, now_ns: u64, behind_ns: Option<u64>) -> u64 {
        let known_ns = match behind_ns {
            Some(applied_ns) if applied_ns < now_ns => applied_ns,
            _ => now_ns,
        };
        if known_ns > self.ns {
            self.ns = known_ns;
        }
        self.ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_as_old_as_what_was_applied_and_never_goes_back() {
        let mut moment = Moment::default();
        assert_eq!(moment.at(100, None), 100);
        assert_eq!(
            moment.at(900, Some(140)),
            140,
            "most of it is still in the ring"
        );
        assert_eq!(
            moment.at(901, Some(130)),
            140,
            "two processors out of order"
        );
        assert_eq!(moment.at(902, Some(800)), 800);
        assert_eq!(moment.at(903, None), 903);
        assert_eq!(
            moment.at(904, Some(2000)),
            904,
            "no record is of the future"
        );
    }
}
