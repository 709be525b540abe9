//! One endpoint: the states it can be in, and how what happens narrows them.

use tcpmon_common::State;
use tcpmon_common::State::{
    Close, CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynRecv, SynSent,
    TimeWait,
};

/// A set of states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct States(u16);

impl States {
    pub(super) const fn of(states: &[State]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < states.len() {
            bits |= 1 << states[at] as u16;
            at += 1;
        }
        Self(bits)
    }

    const fn has(self, state: State) -> bool {
        self.0 & (1 << state as u16) != 0
    }

    const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In the order a textbook walks them.
    pub(super) fn iter(self) -> impl Iterator<Item = State> {
        State::RFC.into_iter().filter(move |state| self.has(*state))
    }

    /// The state, if only one is left.
    pub(super) fn known(self) -> Option<State> {
        let mut states = self.iter();
        states.next().filter(|_| states.next().is_none())
    }

    /// Where the states lead; those that lead nowhere are not possible.
    fn after(self, step: impl Fn(State) -> Option<State>) -> Self {
        Self(
            self.iter()
                .filter_map(step)
                .fold(0, |bits, state| bits | 1 << state as u16),
        )
    }
}

/// Before anything is known of a connection whose beginning was not seen.
pub(super) const SYNCHRONISED: States = States::of(&[
    Established,
    FinWait1,
    FinWait2,
    Closing,
    TimeWait,
    CloseWait,
    LastAck,
]);

/// Where a SYN may find the one it is for.
const BEFORE: States = States::of(&[Listen, Close]);

/// Who sends an acknowledgement and nothing else.
const ANSWERS: States = States(SYNCHRONISED.0 | States::of(&[SynRecv]).0);

/// Who sends new data: its own FIN has not gone out. Before the handshake is complete there is TCP
/// Fast Open.
const SENDS: States = States::of(&[SynSent, SynRecv, Established, CloseWait]);

/// Whoever has not received the peer's FIN.
const PEER_OPEN: States = States::of(&[
    Listen,
    Close,
    SynSent,
    SynRecv,
    Established,
    FinWait1,
    FinWait2,
]);

/// What happens to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happening {
    /// Its SYN went out, which acknowledged nothing.
    SentSyn,
    /// Its SYN went out, which acknowledged another.
    SentSynAck,
    /// It sent data nobody had sent before.
    SentData,
    /// It acknowledged.
    SentAck,
    /// Its FIN went out for the first time.
    SentFin,
    /// The other side sent data or a FIN for the first time.
    PeerStillOpen,
    /// Its SYN was acknowledged.
    SynAcked,
    /// Its FIN was acknowledged.
    FinAcked,
    /// The other side's SYN arrived.
    GotSyn,
    /// The other side's FIN arrived.
    GotFin,
    /// It sent a reset.
    SentRst,
    /// A reset arrived.
    GotRst,
    /// A timer ran out, or a new connection took the place of the old one.
    WaitOver,
}

/// What is known of one side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoint {
    pub(super) states: States,
    /// Its SYN is acknowledged, and the other side's has not arrived.
    syn_acked: bool,
}

impl Endpoint {
    pub(super) const fn new(states: States) -> Self {
        Self {
            states,
            syn_acked: false,
        }
    }

    /// The side that sends the first SYN.
    pub(super) const fn opener() -> Self {
        Self::new(States::of(&[Close]))
    }

    /// The side that a SYN is sent to.
    pub(super) const fn addressed() -> Self {
        Self::new(BEFORE)
    }

    /// The side whose SYN was not captured and is answered.
    pub(super) const fn opening() -> Self {
        let mut endpoint = Self::new(States::of(&[SynSent]));
        endpoint.syn_acked = true;
        endpoint
    }

    /// The side that answers a SYN that was not captured.
    pub(super) const fn answering() -> Self {
        Self::new(States::of(&[SynRecv]))
    }

    /// What it makes of a happening. Where that does not fit what was known, what is seen counts:
    /// packets are facts.
    pub(super) fn meet(&mut self, happening: Happening) -> Outcome {
        let before = self.states;
        let syn_acked = self.syn_acked;
        let step = |state| step(happening, state, syn_acked);
        self.syn_acked |= happening == Happening::SynAcked && before.has(SynSent);
        let after = before.after(step);
        if after.is_empty() {
            self.states = fallback(happening, before);
            return Outcome {
                from: None,
                fits: false,
            };
        }
        self.states = after;
        // Only those it can have come from: a SYN that is answered found a listener.
        let origins = before.iter().filter(|state| step(*state).is_some());
        let from = States(origins.fold(0, |bits, state| bits | 1 << state as u16));
        Outcome {
            from: from.known(),
            fits: true,
        }
    }
}

/// What a happening did to an endpoint.
pub(super) struct Outcome {
    /// The state before, where that is known.
    pub(super) from: Option<State>,
    /// It was possible by what was known before.
    pub(super) fits: bool,
}

/// Where a happening leads from a state; `None` where it cannot happen.
fn step(happening: Happening, state: State, syn_acked: bool) -> Option<State> {
    let within = |states: States| states.has(state).then_some(state);
    match (happening, state) {
        (Happening::SentSyn, Close) => Some(SynSent),
        (Happening::SentSynAck, _) => within(States::of(&[SynRecv])),
        (Happening::SentData, _) => within(SENDS),
        (Happening::SentAck, _) => within(ANSWERS),
        (Happening::PeerStillOpen, _) => within(PEER_OPEN),
        (Happening::SentFin, SynRecv | Established) => Some(FinWait1),
        (Happening::SentFin, CloseWait) => Some(LastAck),
        (Happening::SynAcked, SynRecv) => Some(Established),
        (Happening::SynAcked, other) => Some(other),
        (Happening::FinAcked, FinWait1) => Some(FinWait2),
        (Happening::FinAcked, Closing) => Some(TimeWait),
        (Happening::FinAcked, LastAck) => Some(Close),
        (Happening::GotSyn, SynSent) if syn_acked => Some(Established),
        (Happening::GotSyn, SynSent | Listen) => Some(SynRecv),
        (Happening::GotFin, SynRecv | Established) => Some(CloseWait),
        (Happening::GotFin, FinWait1) => Some(Closing),
        (Happening::GotFin, FinWait2) => Some(TimeWait),
        // A listener neither ends by a reset nor refuses what it listens for.
        (Happening::GotRst, Listen) => Some(Listen),
        (Happening::SentRst, Listen) => None,
        (Happening::GotRst | Happening::SentRst | Happening::WaitOver, _) => Some(Close),
        _ => None,
    }
}

/// What a happening says on its own.
fn fallback(happening: Happening, before: States) -> States {
    match happening {
        Happening::SentSyn => States::of(&[SynSent]),
        Happening::SentSynAck | Happening::GotSyn => States::of(&[SynRecv]),
        Happening::SentData => States::of(&[Established, CloseWait]),
        Happening::SentAck => SYNCHRONISED,
        Happening::SentFin => States::of(&[FinWait1, LastAck]),
        Happening::FinAcked => States::of(&[FinWait2, TimeWait, Close]),
        Happening::GotFin => States::of(&[CloseWait, Closing, TimeWait]),
        Happening::PeerStillOpen => States::of(&[Established, FinWait1, FinWait2]),
        Happening::SynAcked | Happening::SentRst | Happening::GotRst | Happening::WaitOver => {
            before
        }
    }
}
