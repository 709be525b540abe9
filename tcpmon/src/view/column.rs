//! The columns of a table of sockets: one place for what they are called and what they say.

use crate::core::netns::NameSource;
use crate::core::query::{OwnerSource, Role, SocketRow};
use crate::view::format::{Charset, age, endpoint, sanitise_bounded, sanitise_for};

/// What a cell says when nothing is known or nothing applies.
pub(crate) const UNKNOWN: &str = "-";

/// No name needs more; an agent that is not ours could send any.
const LONGEST_CELL: usize = 128;

/// As much of a container's id as `docker ps` and `crictl ps` show, or nearly.
const CONTAINER_DIGITS: usize = 12;

/// One column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    State,
    Age,
    Local,
    Remote,
    Process,
    Pid,
    Fd,
    Netns,
    NetnsName,
    Role,
    Owner,
    Unit,
    Inode,
    Cookie,
    RecvQueue,
    SendQueue,
}

impl Column {
    /// What fits 80 columns.
    pub(crate) const NARROW: [Self; 7] = [
        Self::State,
        Self::Age,
        Self::Local,
        Self::Remote,
        Self::Process,
        Self::Pid,
        Self::Fd,
    ];

    /// Everything.
    pub(crate) const WIDE: [Self; 16] = [
        Self::State,
        Self::Age,
        Self::Local,
        Self::Remote,
        Self::Process,
        Self::Pid,
        Self::Fd,
        Self::Netns,
        Self::NetnsName,
        Self::Role,
        Self::Owner,
        Self::Unit,
        Self::Inode,
        Self::Cookie,
        Self::RecvQueue,
        Self::SendQueue,
    ];

    /// The heading.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::State => "STATE",
            Self::Age => "AGE",
            Self::Local => "LOCAL",
            Self::Remote => "REMOTE",
            Self::Process => "PROCESS",
            Self::Pid => "PID",
            Self::Fd => "FD",
            Self::Netns => "NETNS",
            Self::NetnsName => "NAMESPACE",
            Self::Role => "ROLE",
            Self::Owner => "OWNER",
            Self::Unit => "UNIT/CONTAINER",
            Self::Inode => "INODE",
            Self::Cookie => "COOKIE",
            Self::RecvQueue => "RECV-Q",
            Self::SendQueue => "SEND-Q",
        }
    }

    /// Numbers stand right-aligned.
    pub(crate) const fn is_number(self) -> bool {
        matches!(
            self,
            Self::Age
                | Self::Pid
                | Self::Fd
                | Self::Netns
                | Self::Inode
                | Self::Cookie
                | Self::RecvQueue
                | Self::SendQueue
        )
    }

    /// What the column says about a socket; safe for a terminal.
    pub(crate) fn cell(self, row: &SocketRow, charset: Charset) -> String {
        let text = |value: Option<&str>| {
            value
                .filter(|value| !value.is_empty())
                .map(|value| sanitise_bounded(value, LONGEST_CELL, charset))
        };
        let known = match self {
            Self::State => text(Some(&row.state)),
            Self::Age => Some(age(row.age_seconds, row.age_is_lower_bound, charset)),
            Self::Local => text(Some(&endpoint(&row.local_address, row.local_port))),
            Self::Remote => text(Some(&endpoint(&row.remote_address, row.remote_port))),
            Self::Process => text(row.process.as_deref()),
            Self::Pid => number(row.pid),
            Self::Fd => number(row.fd),
            Self::Netns => number(row.netns),
            Self::NetnsName => netns_name(row, charset),
            Self::Role => row.role.map(|role| role_name(role).to_owned()),
            Self::Owner => row.owner_source.map(|source| owner_name(source).to_owned()),
            Self::Unit => text(row.unit.as_deref()).or_else(|| container(row, charset)),
            Self::Inode => number(row.inode),
            // As `ss -e` shows it.
            Self::Cookie => row.cookie.map(|cookie| format!("{cookie:x}")),
            Self::RecvQueue => number(row.recv_queue),
            Self::SendQueue => number(row.send_queue),
        };
        known.unwrap_or_else(|| UNKNOWN.to_owned())
    }
}

/// The words of the JSON rows.
pub(crate) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Client => "client",
        Role::Server => "server",
    }
}

/// The words of the JSON rows.
pub(crate) const fn owner_name(source: OwnerSource) -> &'static str {
    match source {
        OwnerSource::Connect => "connect",
        OwnerSource::Listen => "listen",
        OwnerSource::Close => "close",
        OwnerSource::Listener => "listener",
        OwnerSource::FdTable => "fd_table",
    }
}

fn number<N: ToString>(value: Option<N>) -> Option<String> {
    value.map(|value| value.to_string())
}

/// The words of the JSON rows.
pub(crate) const fn netns_name_word(source: NameSource) -> &'static str {
    match source {
        NameSource::Host => "host",
        NameSource::IpNetns => "ip_netns",
        NameSource::Pod => "pod",
        NameSource::Container => "container",
        NameSource::Unit => "unit",
    }
}

/// The name of the namespace; a container's id as short as elsewhere.
fn netns_name(row: &SocketRow, charset: Charset) -> Option<String> {
    let name = row.netns_name.as_deref().filter(|name| !name.is_empty())?;
    let most = match row.netns_name_source {
        Some(NameSource::Container) => CONTAINER_DIGITS,
        _ => LONGEST_CELL,
    };
    let short: String = name.chars().take(most).collect();
    Some(sanitise_for(&short, charset))
}

fn container(row: &SocketRow, charset: Charset) -> Option<String> {
    let id = row.container.as_deref()?;
    let short: String = id.chars().take(CONTAINER_DIGITS).collect();
    Some(sanitise_for(&short, charset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixture;

    #[test]
    fn unknown_is_said() {
        let row = fixture::unknown();
        for column in [
            Column::Process,
            Column::Pid,
            Column::Fd,
            Column::Netns,
            Column::NetnsName,
            Column::Role,
            Column::Owner,
            Column::Unit,
            Column::Inode,
            Column::Cookie,
            Column::RecvQueue,
            Column::SendQueue,
        ] {
            assert_eq!(column.cell(&row, Charset::Unicode), UNKNOWN, "{column:?}");
        }
    }

    #[test]
    fn a_container_stands_in_for_a_missing_unit() {
        let mut row = fixture::unknown();
        row.container = Some("0123456789abcdef".repeat(4));
        assert_eq!(Column::Unit.cell(&row, Charset::Unicode), "0123456789ab");
        row.unit = Some("nginx.service".to_owned());
        assert_eq!(Column::Unit.cell(&row, Charset::Unicode), "nginx.service");
    }

    #[test]
    fn a_namespace_goes_by_its_name_and_a_container_by_its_short_id() {
        let mut row = fixture::unknown();
        row.netns_name = Some("0123456789abcdef".repeat(4));
        row.netns_name_source = Some(NameSource::Container);
        let cell = |row: &SocketRow| Column::NetnsName.cell(row, Charset::Unicode);
        assert_eq!(cell(&row), "0123456789ab");
        row.netns_name = Some("private-network.service".to_owned());
        row.netns_name_source = Some(NameSource::Unit);
        assert_eq!(cell(&row), "private-network.service");
    }

    #[test]
    fn words_are_those_of_the_json_rows() {
        for role in [Role::Client, Role::Server] {
            assert_eq!(serde_json::to_value(role).unwrap(), role_name(role));
        }
        for source in [
            NameSource::Host,
            NameSource::IpNetns,
            NameSource::Pod,
            NameSource::Container,
            NameSource::Unit,
        ] {
            let word = netns_name_word(source);
            assert_eq!(serde_json::to_value(source).unwrap(), word);
        }
        for source in [
            OwnerSource::Connect,
            OwnerSource::Listen,
            OwnerSource::Close,
            OwnerSource::Listener,
            OwnerSource::FdTable,
        ] {
            assert_eq!(serde_json::to_value(source).unwrap(), owner_name(source));
        }
    }
}
