//! The table beside what the kernel lists.

use tcpmon::core::facts::{Kind, StateSet};
use tcpmon::core::table::Drift;
use tcpmon::source::bpf::Rung;
use tcpmon_common::State;

use crate::harness::Watch;
use crate::place::Namespace;

/// Cookie, state and kind of every socket, sorted.
type Sockets = Vec<(u64, String, &'static str)>;

fn listed(namespace: Namespace) -> Sockets {
    let rows = namespace.dump(StateSet::LIVE);
    let socket = |row: &tcpmon::core::facts::DumpRow| {
        let kind = match row.kind {
            Kind::Full => "full",
            Kind::Minisock => "minisock",
            Kind::Request => "request",
        };
        (row.cookie, row.state.folded().name().to_owned(), kind)
    };
    let mut out: Sockets = rows.iter().map(socket).collect();
    out.sort_unstable();
    out
}

fn known(watch: &Watch) -> Sockets {
    let kinds = ["full", "minisock", "request"];
    let rows = watch.rows().into_iter().map(|row| {
        let kind = kinds.into_iter().find(|kind| *kind == row.kind);
        (
            row.cookie.unwrap_or(0),
            row.state,
            kind.expect("a known kind"),
        )
    });
    let mut out: Sockets = rows.collect();
    out.sort_unstable();
    out
}

/// Without the cookies.
fn anonymous(sockets: Sockets) -> Sockets {
    let sockets = sockets.into_iter();
    let mut out: Sockets = sockets.map(|(_, state, kind)| (0, state, kind)).collect();
    out.sort_unstable();
    out
}

impl Watch {
    /// What the stream told is all the kernel has.
    #[track_caller]
    pub(crate) fn assert_agrees(&mut self) {
        self.drain();
        let (mut derived, mut listed) = (known(self), listed(self.namespace));
        if self.stream.rung() == Rung::TpBtfNoCookie {
            // Programs of this kernel see no cookie; an audit has it from the dump.
            (derived, listed) = (anonymous(derived), anonymous(listed));
        }
        assert_eq!(derived, listed, "derived, listed");
    }

    /// After an audit the table has what the kernel has, and the audit found only what no record
    /// tells.
    #[track_caller]
    pub(crate) fn assert_agrees_after_audit(&mut self) {
        self.audit(StateSet::LIVE);
        assert_eq!(known(self), listed(self.namespace), "audited, listed");
        assert_eq!(self.table.totals().drift, [0; Drift::ALL.len()]);
    }

    /// [`Watch::assert_agrees`], and so still after an audit.
    #[track_caller]
    pub(crate) fn assert_exact(&mut self) {
        self.assert_agrees();
        self.assert_agrees_after_audit();
    }

    /// How many sockets went from one state to another without a record.
    pub(crate) fn silent(&self, from: State, to: State) -> u64 {
        self.table.totals().silent[from as usize][to as usize]
    }
}
