//! Values of the HTTP server alone: lists.

use std::net::SocketAddr;

use toml::Value as Toml;

use super::value::Value;

/// Addresses to listen on: one, or a list of them.
pub(super) struct Addresses<'a>(pub(super) &'a mut Vec<SocketAddr>);

impl Value for Addresses<'_> {
    fn read(&mut self, found: &Toml) -> Option<()> {
        let addresses = texts(found)?
            .map(|text| text?.parse().ok())
            .collect::<Option<Vec<SocketAddr>>>()?;
        (!addresses.is_empty()).then(|| *self.0 = addresses)
    }

    fn write(&self) -> Option<Toml> {
        match self.0.as_slice() {
            [address] => Some(Toml::String(address.to_string())),
            addresses => Some(list(addresses)),
        }
    }

    fn allowed(&self) -> String {
        "an IP address with a port, written as \"127.0.0.1:9934\" or \"[::1]:9934\", or a list of them"
            .into()
    }
}

/// Names of hosts.
pub(super) struct HostNames<'a>(pub(super) &'a mut Vec<String>);

impl Value for HostNames<'_> {
    fn read(&mut self, found: &Toml) -> Option<()> {
        let names = texts(found)?
            .map(|text| text.filter(|name| is_host_name(name)).map(str::to_owned))
            .collect::<Option<Vec<String>>>()?;
        *self.0 = names;
        Some(())
    }

    fn write(&self) -> Option<Toml> {
        Some(list(self.0))
    }

    fn allowed(&self) -> String {
        "a list of host names without a port, written as [\"metrics.internal\"]".into()
    }
}

/// One text, or a list; a member that is no text is `None`.
fn texts(found: &Toml) -> Option<impl Iterator<Item = Option<&str>>> {
    let members = match found {
        Toml::Array(members) => members.as_slice(),
        one @ Toml::String(_) => std::slice::from_ref(one),
        _ => return None,
    };
    Some(members.iter().map(Toml::as_str))
}

fn list(members: &[impl ToString]) -> Toml {
    let members = members
        .iter()
        .map(|member| Toml::String(member.to_string()));
    Toml::Array(members.collect())
}

fn is_host_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=253).contains(&name.len()) && name.chars().all(is_part)
}
