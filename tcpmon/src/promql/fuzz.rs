//! What must hold for every input of the decoders here: see [`crate::fuzzing`].

use hyper::StatusCode;

use super::answer::{self, Data};
use super::config::HttpConfig;
use super::error::Address;
use crate::core::fleet::{Answers, Topic, hosts, inside};

/// An answer of the HTTP API, taken for the answer to every question: whatever it says, the hosts
/// are in order, and no sentence about it can act on a terminal.
pub fn promql(bytes: &[u8]) -> bool {
    let address = Address("http://server".to_owned());
    let data = match answer::decode(bytes, StatusCode::OK, &address) {
        Ok(data) => data,
        Err(error) => {
            assert!(!error.to_string().contains(char::is_control), "{error}");
            return false;
        }
    };
    let items = match data {
        Data::Vector(items) => items,
        Data::Matrix(items) => return !answer::courses(items).is_empty(),
        Data::Scalar(_) | Data::String(_) => return true,
    };
    let (_, samples) = answer::samples(items);
    let topics = Topic::HOSTS.into_iter().chain(Topic::INSIDE);
    let answers = Answers(topics.map(|topic| (topic, samples.clone())).collect());
    let found = hosts(&answers);
    assert!(found.is_sorted_by(|one, other| one.trouble >= other.trouble));
    for host in &found {
        let within = inside(&answers, &host.labels);
        let ratios = within
            .destinations
            .iter()
            .filter_map(|it| it.port_headroom_ratio)
            .chain(host.port_headroom_ratio);
        for ratio in ratios {
            assert!((0.0..=1.0).contains(&ratio), "{ratio}");
        }
    }
    !found.is_empty()
}

/// A file in the format of `http_config`.
pub fn http_config(bytes: &[u8]) -> bool {
    HttpConfig::parse(&String::from_utf8_lossy(bytes)).is_ok()
}
