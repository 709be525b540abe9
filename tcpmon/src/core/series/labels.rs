//! Which groups have series of their own.

use std::fmt;

/// A set of metrics that have a series per member: per process, per listener …
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(usize)]
pub enum LabelSet {
    /// Per process name, unit, container and pod.
    Process,
    /// Per listening address and port.
    Listener,
    /// Per port that is connected to.
    Destination,
    /// Per network namespace.
    Namespace,
}

impl LabelSet {
    /// Every set, in the order of its number.
    pub const ALL: [Self; 4] = [
        Self::Process,
        Self::Listener,
        Self::Destination,
        Self::Namespace,
    ];

    /// The name in the configuration and in `tcpmon_series_dropped`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Listener => "listener",
            Self::Destination => "destination",
            Self::Namespace => "namespace",
        }
    }
}

/// The word for addresses of peers: they come from outside, and there may be very many.
pub const REMOTE_ADDRESS: &str = "remote_address";

/// What the configuration switches on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labels {
    sets: [bool; LabelSet::ALL.len()],
    remote_address: bool,
}

impl Default for Labels {
    fn default() -> Self {
        Self {
            sets: [true; LabelSet::ALL.len()],
            remote_address: false,
        }
    }
}

impl Labels {
    /// No set at all: the machine as a whole.
    pub const NONE: Self = Self {
        sets: [false; LabelSet::ALL.len()],
        remote_address: false,
    };

    /// Every word there is.
    pub fn known() -> impl Iterator<Item = &'static str> {
        let sets = LabelSet::ALL.into_iter().map(LabelSet::name);
        sets.chain([REMOTE_ADDRESS])
    }

    /// Reads words.
    ///
    /// # Errors
    ///
    /// A word is none of [`Self::known`], is there twice, or is `remote_address` without
    /// `destination`; the sentence says so.
    pub fn of_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut labels = Self::NONE;
        for word in words {
            let set = LabelSet::ALL.into_iter().find(|set| set.name() == word);
            let place = match set {
                Some(set) => &mut labels.sets[set as usize],
                None if word == REMOTE_ADDRESS => &mut labels.remote_address,
                None => {
                    let known: Vec<_> = Self::known().collect();
                    return Err(format!("`{word}` is none of {}", known.join(", ")));
                }
            };
            if std::mem::replace(place, true) {
                return Err(format!("`{word}` is there twice"));
            }
        }
        if labels.remote_address && !labels.has(LabelSet::Destination) {
            return Err(format!(
                "`{REMOTE_ADDRESS}` is of use with `destination` alone"
            ));
        }
        Ok(labels)
    }

    /// The words of what is on.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        let sets = LabelSet::ALL.into_iter().filter(move |set| self.has(*set));
        let remote_address = self.remote_address.then_some(REMOTE_ADDRESS);
        sets.map(LabelSet::name).chain(remote_address)
    }

    /// Whether the set is on.
    #[must_use]
    pub const fn has(self, set: LabelSet) -> bool {
        self.sets[set as usize]
    }

    /// Whether destinations are told apart by their address.
    #[must_use]
    pub const fn has_remote_address(self) -> bool {
        self.remote_address
    }

    /// Whether no set is on.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }
}

/// Words between commas; nothing for none.
impl std::str::FromStr for Labels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words = text.split(',').map(str::trim);
        Self::of_words(words.filter(|word| !word.is_empty()))
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.words().collect();
        f.write_str(&words.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_written() {
        for (text, written) in [
            ("", ""),
            ("process", "process"),
            (" namespace , process,", "process,namespace"),
            ("destination,remote_address", "destination,remote_address"),
        ] {
            let labels: Labels = text.parse().unwrap();
            assert_eq!(labels.to_string(), written);
            assert_eq!(written.parse(), Ok(labels));
        }
        assert_eq!(
            Labels::default().to_string(),
            "process,listener,destination,namespace"
        );
        assert!("".parse::<Labels>().unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, error) in [
            (
                "processes",
                "`processes` is none of process, listener, destination, namespace, remote_address",
            ),
            ("process,process", "`process` is there twice"),
            (
                "process,remote_address",
                "`remote_address` is of use with `destination` alone",
            ),
        ] {
            assert_eq!(text.parse::<Labels>(), Err(error.to_owned()));
        }
    }
}
