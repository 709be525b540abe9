//! Columns by name, for `-o` and `--sort`: the names above the columns, and those of the JSON fields.

use std::cmp::Ordering;
use std::net::IpAddr;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::csv::{self, Field};
use super::table::EventColumn;
use crate::core::query::{EventRow, SocketRow};
use crate::view::column::{Column, UNKNOWN};
use crate::view::format::{Charset, sanitise_for};

/// One column that was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Choice {
    /// A column of the tables; in JSON and CSV the fields it is made of.
    Event(EventColumn),
    /// A field of the JSON rows of sockets.
    SocketField(&'static Field<SocketRow>),
    /// A field of the JSON rows of events.
    EventField(&'static Field<EventRow>),
}

/// The columns that were asked for, in their order.
#[derive(Clone, Debug)]
pub struct Columns(pub(super) Vec<Choice>);

/// What rows are sorted by.
#[derive(Clone, Copy, Debug)]
pub struct SortKey {
    choice: Choice,
    is_reversed: bool,
}

impl Columns {
    /// The columns of a table of sockets that `names`, joined by commas, stand for.
    ///
    /// # Errors
    ///
    /// One sentence with the names there are.
    pub fn of_sockets(names: &str) -> Result<Self, String> {
        Self::parse(names, &socket_choices())
    }

    /// The columns of a table of events.
    ///
    /// # Errors
    ///
    /// One sentence with the names there are.
    pub fn of_events(names: &str) -> Result<Self, String> {
        let mut choices: Vec<Choice> = EventColumn::OWN.map(Choice::Event).to_vec();
        choices.extend(csv::EVENT.iter().map(Choice::EventField));
        choices.extend(socket_choices());
        Self::parse(names, &choices)
    }

    fn parse(names: &str, known: &[Choice]) -> Result<Self, String> {
        let names = names.split(',').map(str::trim);
        let chosen: Result<Vec<Choice>, String> = names.map(|name| find(name, known)).collect();
        chosen.map(Self)
    }

    /// The names of the JSON fields, each once.
    pub(super) fn fields(&self) -> Vec<&'static str> {
        let mut fields = Vec::new();
        for field in self.0.iter().flat_map(|choice| choice.fields()) {
            if !fields.contains(field) {
                fields.push(*field);
            }
        }
        fields
    }
}

impl SortKey {
    /// The column of sockets that `name` stands for; a `-` in front turns the order round.
    ///
    /// # Errors
    ///
    /// One sentence with the names there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        let bare = name.strip_prefix('-');
        Ok(Self {
            choice: find(bare.unwrap_or(name), &socket_choices())?,
            is_reversed: bare.is_some(),
        })
    }

    /// Sorts rows: names and numbers of things rise, quantities fall; what is not known comes last.
    /// Rows that are equal stay as they are.
    pub fn sort(&self, rows: &mut [SocketRow]) {
        let falls = self.choice.is_quantity() != self.is_reversed;
        rows.sort_by_cached_key(|row| {
            let keys = self
                .choice
                .values(row)
                .into_iter()
                .map(|text| Key::of(&text, falls));
            keys.collect::<Vec<Key>>()
        });
    }
}

/// A value in its order.
#[derive(Clone, Debug, PartialEq)]
struct Key {
    value: Sortable,
    falls: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Sortable {
    Number(f64),
    Address(IpAddr),
    Text(String),
    Unknown,
}

impl Key {
    fn of(text: &str, falls: bool) -> Self {
        let value = match (text.parse(), text.parse()) {
            _ if text.is_empty() => Sortable::Unknown,
            (Ok(number), _) => Sortable::Number(number),
            (_, Ok(address)) => Sortable::Address(address),
            _ => Sortable::Text(text.to_owned()),
        };
        Self { value, falls }
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        use Sortable::{Address, Number, Text, Unknown};
        let rank = |value: &Sortable| match value {
            Number(_) => 0,
            Address(_) => 1,
            Text(_) => 2,
            Unknown => 3,
        };
        let order = match (&self.value, &other.value) {
            (Number(a), Number(b)) => a.total_cmp(b),
            (Address(a), Address(b)) => a.cmp(b),
            (Text(a), Text(b)) => a.cmp(b),
            // Whichever way: what is not known is last.
            (a, b) => return rank(a).cmp(&rank(b)),
        };
        if self.falls { order.reverse() } else { order }
    }
}

/// Names first that stand above columns.
fn socket_choices() -> Vec<Choice> {
    let columns = Column::WIDE.map(|column| Choice::Event(EventColumn::Socket(column)));
    let mut choices = columns.to_vec();
    choices.extend(csv::SOCKET.iter().map(Choice::SocketField));
    choices
}

fn find(name: &str, known: &[Choice]) -> Result<Choice, String> {
    let wanted = name.to_ascii_lowercase().replace('-', "_");
    let found = known.iter().find(|choice| choice.name() == wanted);
    found.copied().ok_or_else(|| {
        let mut names: Vec<String> = Vec::new();
        for choice in known {
            let name = choice.name();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        format!(
            "there is no column {name:?}: there are {}",
            names.join(", ")
        )
    })
}

impl Choice {
    /// The name to be typed.
    fn name(self) -> String {
        match self {
            // `unit` is a field, too: what the column shows of containers has a name of its own.
            Self::Event(column) => column.title().to_ascii_lowercase().replace(['-', '/'], "_"),
            Self::SocketField((name, _)) | Self::EventField((name, _)) => (*name).to_owned(),
        }
    }

    pub(super) fn title(self) -> String {
        match self {
            Self::Event(column) => column.title().to_owned(),
            field => field.name().to_ascii_uppercase(),
        }
    }

    pub(super) fn is_number(self) -> bool {
        match self {
            Self::Event(column) => column.is_number(),
            field => field.is_quantity(),
        }
    }

    /// An amount, not the number of a thing: what has most of it is looked for.
    fn is_quantity(self) -> bool {
        self.fields().first().is_some_and(|field| {
            let counts = ["accept_queue_longest", "half_open", "drops", "holders"];
            field.ends_with("_seconds") || field.ends_with("_queue") || counts.contains(field)
        })
    }

    /// The names of the JSON fields it is made of.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::SocketField((name, _)) | Self::EventField((name, _)) => {
                std::slice::from_ref(name)
            }
            Self::Event(EventColumn::Time) => &["time"],
            Self::Event(EventColumn::Edge) => &["from", "to"],
            Self::Event(EventColumn::After) => &["duration_seconds"],
            Self::Event(EventColumn::Reason) => &["reason"],
            Self::Event(EventColumn::Socket(column)) => match column {
                Column::State => &["state"],
                Column::Age => &["age_seconds", "age_is_lower_bound"],
                Column::Local => &["local_address", "local_port"],
                Column::Remote => &["remote_address", "remote_port"],
                Column::Process => &["process"],
                Column::Pid => &["pid"],
                Column::Fd => &["fd"],
                Column::Netns => &["netns"],
                Column::NetnsName => &["netns_name", "netns_name_source"],
                Column::Role => &["role"],
                Column::Owner => &["owner_source"],
                Column::Unit => &["unit", "container"],
                Column::Inode => &["inode"],
                Column::Cookie => &["cookie"],
                Column::RecvQueue => &["recv_queue"],
                Column::SendQueue => &["send_queue"],
            },
        }
    }

    /// Its fields' values of a socket, as in CSV.
    fn values(self, row: &SocketRow) -> Vec<String> {
        let value = |name: &&str| csv::socket_value(name, row);
        self.fields().iter().filter_map(value).collect()
    }

    pub(super) fn socket_cell(self, row: &SocketRow, charset: Charset) -> String {
        match self {
            Self::Event(EventColumn::Socket(column)) => column.cell(row, charset),
            Self::SocketField((_, value)) => shown(&value(row), charset),
            Self::Event(_) | Self::EventField(_) => UNKNOWN.to_owned(),
        }
    }

    pub(super) fn event_cell(self, event: &EventRow, charset: Charset) -> String {
        match self {
            Self::Event(column) => column.cell(event, charset),
            Self::SocketField((_, value)) => shown(&value(&event.socket), charset),
            Self::EventField((_, value)) => shown(&value(event), charset),
        }
    }

    pub(super) fn event_width(self) -> usize {
        match self {
            Self::Event(column) => column.width(),
            field => field.title().len(),
        }
    }
}

fn shown(text: &str, charset: Charset) -> String {
    match text {
        "" => UNKNOWN.to_owned(),
        text => sanitise_for(text, charset),
    }
}

/// A row with some of its fields, in the order they were asked for; what is left out is `null`.
pub(super) struct Picked {
    row: Map<String, Value>,
    fields: Vec<&'static str>,
}

impl Picked {
    pub(super) fn of(row: &impl Serialize, columns: &Columns) -> Self {
        let row = match serde_json::to_value(row) {
            Ok(Value::Object(row)) => row,
            _ => Map::new(),
        };
        Self {
            row,
            fields: columns.fields(),
        }
    }
}

impl Serialize for Picked {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = |field: &&'static str| self.row.get(*field).unwrap_or(&Value::Null);
        serializer.collect_map(self.fields.iter().map(|field| (*field, value(field))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixture;

    #[test]
    fn every_name_that_can_be_typed_is_found() {
        for choice in socket_choices() {
            let columns = Columns::of_sockets(&choice.name()).unwrap();
            assert!(!columns.fields().is_empty());
            assert!(Columns::of_events(&choice.name()).is_ok());
            for field in choice.fields() {
                assert!(
                    csv::socket_value(field, &fixture::known()).is_some(),
                    "{field}"
                );
            }
        }
        assert!(Columns::of_sockets("STATE, recv-q,Recv_Queue").is_ok());
        let error = Columns::of_sockets("state,proces").unwrap_err();
        assert!(error.starts_with("there is no column \"proces\": there are state, age, local,"));
        assert!(Columns::of_sockets("time").is_err() && Columns::of_events("time").is_ok());
    }

    #[test]
    fn rows_sort_by_what_they_mean_and_the_unknown_comes_last() {
        let row = |address: &str, queue: Option<u32>| SocketRow {
            remote_address: address.to_owned(),
            recv_queue: queue,
            ..fixture::unknown()
        };
        let mut rows = [
            row("10.0.0.10", None),
            row("10.0.0.9", Some(2)),
            row("9.0.0.1", Some(10)),
        ];
        let mut order = |key: &str| {
            SortKey::parse(key).unwrap().sort(&mut rows);
            rows.iter()
                .map(|row| row.remote_address.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(order("remote"), ["9.0.0.1", "10.0.0.9", "10.0.0.10"]);
        assert_eq!(order("-remote"), ["10.0.0.10", "10.0.0.9", "9.0.0.1"]);
        assert_eq!(order("recv-q"), ["9.0.0.1", "10.0.0.9", "10.0.0.10"]);
        assert_eq!(order("-recv_queue"), ["10.0.0.9", "9.0.0.1", "10.0.0.10"]);
    }
}
