//! Single values: how each is written, and what is allowed.

use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use toml::Value as Toml;

use super::parse_size;
use crate::core::cgroup::is_unit;
use crate::core::series::{LabelSet, Labels};
use crate::core::verdict::Kind;
use crate::view::export::http::RESERVED;

/// A place in the configuration that is read and written as TOML.
pub(super) trait Value {
    /// Takes over what was found, if it is allowed.
    fn read(&mut self, found: &Toml) -> Option<()>;

    /// What is there; `None` when nothing is.
    fn write(&self) -> Option<Toml>;

    /// What is allowed, behind "it must be".
    fn allowed(&self) -> String;

    /// For comparing it with another.
    fn number(&self) -> Option<f64> {
        None
    }
}

/// Yes or no.
pub(super) struct Switch<'a>(pub(super) &'a mut bool);

impl Value for Switch<'_> {
    fn read(&mut self, found: &Toml) -> Option<()> {
        *self.0 = found.as_bool()?;
        Some(())
    }

    fn write(&self) -> Option<Toml> {
        Some(Toml::Boolean(*self.0))
    }

    fn allowed(&self) -> String {
        "true or false".into()
    }
}

/// A duration of so many nanoseconds.
pub(super) struct Nanoseconds<'a> {
    pub(super) value: &'a mut u64,
    pub(super) least: Duration,
    pub(super) most: Duration,
}

impl Value for Nanoseconds<'_> {
    fn read(&mut self, found: &Toml) -> Option<()> {
        let mut duration = Duration::from_nanos(*self.value);
        let (least, most) = (self.least, self.most);
        let value = &mut duration;
        Interval { value, least, most }.read(found)?;
        *self.value = u64::try_from(duration.as_nanos()).ok()?;
        Some(())
    }

    fn write(&self) -> Option<Toml> {
        Some(written(Duration::from_nanos(*self.value)))
    }

    fn allowed(&self) -> String {
        duration_between(self.least, self.most)
    }

    fn number(&self) -> Option<f64> {
        Some(*self.value as f64)
    }
}

/// A duration.
pub(super) struct Interval<'a> {
    pub(super) value: &'a mut Duration,
    pub(super) least: Duration,
    pub(super) most: Duration,
}

impl Value for Interval<'_> {
    fn read(&mut self, found: &Toml) -> Option<()> {
        let duration = humantime::parse_duration(found.as_str()?).ok()?;
        (self.least..=self.most).contains(&duration).then(|| {
            *self.value = duration;
        })
    }

    fn write(&self) -> Option<Toml> {
        Some(written(*self.value))
    }

    fn allowed(&self) -> String {
        duration_between(self.least, self.most)
    }
}

fn written(duration: Duration) -> Toml {
    Toml::String(humantime::format_duration(duration).to_string())
}

fn duration_between(least: Duration, most: Duration) -> String {
    let [least, most] = [least, most].map(humantime::format_duration);
    format!("a duration from \"{least}\" to \"{most}\"")
}

/// How many, where few are of no use.
pub(super) struct Within<'a> {
    pub(super) value: &'a mut u32,
    pub(super) least: u32,
    pub(super) most: u32,
}

impl Value for Within<'_> {
    fn read(&mut self, found: &Toml) -> Option<()> {
        let count = u32::try_from(found.as_integer()?).ok()?;
        (self.least..=self.most)
            .contains(&count)
            .then(|| *self.value = count)
    }

    fn write(&self) -> Option<Toml> {
        Some(Toml::Integer((*self.value).into()))
    }

    fn allowed(&self) -> String {
        format!("a whole number from {} to {}", self.least, self.most)
    }

    fn number(&self) -> Option<f64> {
        Some((*self.value).into())
    }
}

/// Which groups have series of their own.
pub(super) struct Words<'a>(pub(super) &'a mut Labels);

impl Value for Words<'_> {
    fn read(&mut self, found: &Toml) -> Option<()> {
        let words: Option<Vec<&str>> = found.as_array()?.iter().map(Toml::as_str).collect();
        *self.0 = Labels::of_words(words?).ok()?;
        Some(())
    }

    fn write(&self) -> Option<Toml> {
        let words = self.0.words().map(|word| Toml::String(word.into()));
        Some(Toml::Array(words.collect()))
    }

    fn allowed(&self) -> String {
        let known: Vec<String> = Labels::known().map(|word| format!("\"{word}\"")).collect();
        format!(
            "a list of some of {}, each once, and the last only with \"{}\"",
            known.join(", "),
            LabelSet::Destination.name()
        )
    }
}

/// How many.
pub(super) struct Count<'a, T> {
    pub(super) value: &'a mut T,
    pub(super) most: T,
}

impl<T> Value for Count<'_, T>
where
    T: Copy + Display + PartialOrd + TryFrom<i64> + TryInto<i64>,
{
    fn read(&mut self, found: &Toml) -> Option<()> {
        let count = found.as_integer().filter(|count| *count >= 1)?;
        let count = T::try_from(count).ok()?;
        (count <= self.most).then(|| *self.value = count)
    }

    fn write(&self) -> Option<Toml> {
        (*self.value).try_into().ok().map(Toml::Integer)
    }

    fn allowed(&self) -> String {
        format!("a whole number from 1 to {}", self.most)
    }

    fn number(&self) -> Option<f64> {
        let count: i64 = (*self.value).try_into().ok()?;
        Some(count as f64)
    }
}

/// A share of something: nothing is no threshold, and there is no more than all.
pub(super) struct Share<'a>(pub(super) &'a mut f64);

impl Value for Share<'_> {
    fn read(&mut self, found: &Toml) -> Option<()> {
        let whole = found.as_integer().map(|share| share as f64);
        let share = found.as_float().or(whole)?;
        (share > 0.0 && share <= 1.0).then(|| *self.0 = share)
    }

    fn write(&self) -> Option<Toml> {
        Some(Toml::Float(*self.0))
    }

    fn allowed(&self) -> String {
        "a share above 0 and not above 1".into()
    }

    fn number(&self) -> Option<f64> {
        Some(*self.0)
    }
}

/// Bytes of the ring.
pub(super) struct RingSize<'a>(pub(super) &'a mut u32);

impl Value for RingSize<'_> {
    fn read(&mut self, found: &Toml) -> Option<()> {
        let bytes = parse_size(found.as_str()?).ok()?;
        let is_usable = (4096..=1 << 30).contains(&bytes) && bytes.is_power_of_two();
        is_usable.then(|| *self.0 = bytes)
    }

    fn write(&self) -> Option<Toml> {
        Some(Toml::String(size(*self.0)))
    }

    fn allowed(&self) -> String {
        "a power of two from 4KiB to 1GiB, written as \"64KiB\" or \"8MiB\"".into()
    }
}

/// Bytes of something.
pub(super) struct Size<'a> {
    pub(super) value: &'a mut u32,
    pub(super) least: u32,
    pub(super) most: u32,
}

impl Value for Size<'_> {
    fn read(&mut self, found: &Toml) -> Option<()> {
        let bytes = parse_size(found.as_str()?).ok()?;
        (self.least..=self.most)
            .contains(&bytes)
            .then(|| *self.value = bytes)
    }

    fn write(&self) -> Option<Toml> {
        Some(Toml::String(size(*self.value)))
    }

    fn allowed(&self) -> String {
        let [least, most] = [self.least, self.most].map(size);
        format!("a size from \"{least}\" to \"{most}\"")
    }
}

/// So many bytes, in the largest unit that leaves no rest.
fn size(bytes: u32) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units
        .iter()
        .find(|(factor, _)| bytes.is_multiple_of(*factor));
    unit.map_or_else(
        || bytes.to_string(),
        |(factor, unit)| format!("{}{unit}", bytes / factor),
    )
}

/// A path of the file system, or nothing, which is written as no text.
pub(super) struct OptionalPath<'a>(pub(super) &'a mut Option<PathBuf>);

impl Value for OptionalPath<'_> {
    fn read(&mut self, found: &Toml) -> Option<()> {
        let path = found.as_str()?;
        *self.0 = (!path.is_empty()).then(|| path.into());
        Some(())
    }

    fn write(&self) -> Option<Toml> {
        let path = self.0.as_deref().unwrap_or_else(|| "".as_ref());
        Some(Toml::String(path.to_string_lossy().into_owned()))
    }

    fn allowed(&self) -> String {
        "a path, or \"\" for none".into()
    }
}

/// A path of the file system.
pub(super) struct Path<'a>(pub(super) &'a mut PathBuf);

impl Value for Path<'_> {
    fn read(&mut self, found: &Toml) -> Option<()> {
        let path = found.as_str().filter(|path| !path.is_empty())?;
        *self.0 = path.into();
        Some(())
    }

    fn write(&self) -> Option<Toml> {
        Some(Toml::String(self.0.to_string_lossy().into_owned()))
    }

    fn allowed(&self) -> String {
        "a path".into()
    }
}

/// Where an HTTP server serves something.
pub(super) struct HttpPath<'a>(pub(super) &'a mut String);

impl Value for HttpPath<'_> {
    fn read(&mut self, found: &Toml) -> Option<()> {
        let path = found.as_str()?;
        let is_taken = path.starts_with(RESERVED);
        let is_plain = path
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte));
        (path.starts_with('/') && is_plain && !is_taken).then(|| path.clone_into(self.0))
    }

    fn write(&self) -> Option<Toml> {
        Some(Toml::String(self.0.clone()))
    }

    fn allowed(&self) -> String {
        "an absolute path of letters, digits and -_.~, and not below /-/, written as \"/metrics\""
            .into()
    }
}

/// One of several words.
pub(super) struct Choice<'a, T>(pub(super) &'a mut T);

impl<T: ValueEnum> Value for Choice<'_, T> {
    fn read(&mut self, found: &Toml) -> Option<()> {
        *self.0 = T::from_str(found.as_str()?, false).ok()?;
        Some(())
    }

    fn write(&self) -> Option<Toml> {
        let word = self.0.to_possible_value()?;
        Some(Toml::String(word.get_name().to_owned()))
    }

    fn allowed(&self) -> String {
        let words = T::value_variants().iter();
        let words = words.filter_map(ValueEnum::to_possible_value);
        one_of(words.map(|word| word.get_name().to_owned()))
    }
}

fn one_of(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.map(|word| format!("\"{word}\"")).collect();
    format!("one of {}", words.join(", "))
}

/// The most bytes the kernel keeps of a process's name (`TASK_COMM_LEN` in `linux/sched.h`, less the
/// zero at its end).
const NAME_BYTES: usize = 15;

/// The name of a process a rule is about.
pub(super) struct ProcessName<'a>(pub(super) &'a mut Option<String>);

impl Value for ProcessName<'_> {
    fn read(&mut self, found: &Toml) -> Option<()> {
        let name = found.as_str()?;
        (1..=NAME_BYTES).contains(&name.len()).then(|| {
            *self.0 = Some(name.to_owned());
        })
    }

    fn write(&self) -> Option<Toml> {
        self.0.clone().map(Toml::String)
    }

    fn allowed(&self) -> String {
        "a name of 1 to 15 bytes, which is all the kernel keeps of it (/proc/PID/comm)".into()
    }
}

/// The systemd unit a rule is about.
pub(super) struct UnitName<'a>(pub(super) &'a mut Option<String>);

impl Value for UnitName<'_> {
    fn read(&mut self, found: &Toml) -> Option<()> {
        let name = found.as_str()?;
        is_unit(name).then(|| *self.0 = Some(name.to_owned()))
    }

    fn write(&self) -> Option<Toml> {
        self.0.clone().map(Toml::String)
    }

    fn allowed(&self) -> String {
        "a unit that holds processes, with its suffix, written as \"payments.service\"".into()
    }
}

/// The kind of verdict a rule is about.
pub(super) struct VerdictName<'a>(pub(super) &'a mut Option<Kind>);

impl Value for VerdictName<'_> {
    fn read(&mut self, found: &Toml) -> Option<()> {
        *self.0 = Some(Kind::from_name(found.as_str()?)?);
        Some(())
    }

    fn write(&self) -> Option<Toml> {
        self.0.map(|kind| Toml::String(kind.name().to_owned()))
    }

    fn allowed(&self) -> String {
        one_of(Kind::ALL.into_iter().map(|kind| kind.name().to_owned()))
    }
}

/// The port a rule is about.
pub(super) struct Port<'a>(pub(super) &'a mut Option<u16>);

impl Value for Port<'_> {
    fn read(&mut self, found: &Toml) -> Option<()> {
        let port = u16::try_from(found.as_integer()?).ok()?;
        (port > 0).then(|| *self.0 = Some(port))
    }

    fn write(&self) -> Option<Toml> {
        self.0.map(|port| Toml::Integer(port.into()))
    }

    fn allowed(&self) -> String {
        "a port from 1 to 65535".into()
    }
}
