//! Who waits for the sweeper's word on what.

use tokio::sync::oneshot::Sender;

/// Questions that wait, by what they are about.
pub(super) struct Asked<K, A>(Vec<(K, Sender<A>)>);

impl<K, A> Default for Asked<K, A> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: PartialEq, A> Asked<K, A> {
    /// Takes a question; `true` when nobody is waiting for the same answer already.
    pub(super) fn add(&mut self, about: K, answer: Sender<A>) -> bool {
        self.0.retain(|(_, answer)| !answer.is_closed());
        let is_first = self.0.iter().all(|(asked, _)| *asked != about);
        self.0.push((about, answer));
        is_first
    }

    /// Those who wait for this.
    pub(super) fn take(&mut self, about: &K) -> impl Iterator<Item = Sender<A>> + use<K, A> {
        let answered = self.0.extract_if(.., |(asked, _)| asked == about);
        let answered: Vec<_> = answered.map(|(_, answer)| answer).collect();
        answered.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn the_sweeper_is_asked_once_and_everybody_is_told() {
        let mut asked = Asked::default();
        let (first, _waits) = oneshot::channel::<()>();
        let (second, _waits_too) = oneshot::channel();
        let (other, _waits_for_another) = oneshot::channel();
        assert!(asked.add(7, first) && !asked.add(7, second) && asked.add(8, other));
        assert_eq!(asked.take(&7).count(), 2);
        assert_eq!((asked.take(&7).count(), asked.take(&8).count()), (0, 1));
    }

    #[test]
    fn who_left_is_forgotten() {
        let mut asked = Asked::default();
        for pid in 0..100 {
            let (answer, waits) = oneshot::channel::<()>();
            assert!(asked.add(pid, answer));
            drop(waits);
        }
        assert_eq!(asked.0.len(), 1);
    }
}
