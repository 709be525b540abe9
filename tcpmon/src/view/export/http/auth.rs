//! Names and passwords: HTTP basic authentication (RFC 7617) against bcrypt hashes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// A bcrypt hash behind its cost, of a password that nobody needs to know: what an unknown name's
/// password is compared with, so that it takes as long as a known one's.
const NOBODYS: &str = "$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";
/// What is remembered at most, as in the toolkit.
const REMEMBERED: usize = 100;

/// What a request shows.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Shown {
    user: Vec<u8>,
    password: Vec<u8>,
}

/// What was compared. A value of parts and not a text joined of them: with that, one part could end
/// where another seems to begin (CVE-2022-46146).
#[derive(Clone, PartialEq, Eq, Hash)]
struct Compared {
    shown: Shown,
    hash: String,
}

/// Compares passwords, one at a time, and remembers.
#[derive(Default)]
pub(super) struct Doorkeeper {
    remembered: Mutex<HashMap<Compared, bool>>,
    // bcrypt costs a processor for a tenth of a second: not all of them at once.
    turn: tokio::sync::Mutex<()>,
}

impl Doorkeeper {
    /// Whether a request with these headers may come in.
    pub(super) async fn admits(
        &self,
        headers: &HeaderMap,
        users: &BTreeMap<String, String>,
    ) -> bool {
        if users.is_empty() {
            return true;
        }
        let Some(shown) = shown(headers) else {
            return false;
        };
        let known = std::str::from_utf8(&shown.user)
            .ok()
            .and_then(|user| users.get(user));
        let hash = known.cloned().unwrap_or_else(|| nobodys(users));
        let compared = Compared { shown, hash };
        let is_right = match self.recall(&compared) {
            Some(is_right) => is_right,
            None => self.compare(compared).await,
        };
        is_right && known.is_some()
    }

    fn recall(&self, compared: &Compared) -> Option<bool> {
        let remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        remembered.get(compared).copied()
    }

    async fn compare(&self, compared: Compared) -> bool {
        let _turn = self.turn.lock().await;
        // Somebody else may have asked the same meanwhile.
        if let Some(is_right) = self.recall(&compared) {
            return is_right;
        }
        let copy = compared.clone();
        let comparing = tokio::task::spawn_blocking(move || {
            bcrypt::verify(&copy.shown.password, &copy.hash).unwrap_or(false)
        });
        let is_right = comparing.await.unwrap_or(false);
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED
            && let Some(one) = remembered.keys().next().cloned()
        {
            remembered.remove(&one);
        }
        remembered.insert(compared, is_right);
        is_right
    }
}

/// The hash an unknown name is compared with: as dear as the dearest there is.
fn nobodys(users: &BTreeMap<String, String>) -> String {
    let costs = users
        .values()
        .filter_map(|hash| hash.parse::<bcrypt::HashParts>().ok());
    let cost = costs.map(|parts| parts.get_cost()).max().unwrap_or(10);
    format!("$2y${cost:02}{NOBODYS}")
}

fn shown(headers: &HeaderMap) -> Option<Shown> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(credentials.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some(Shown {
        user: decoded[..colon].to_vec(),
        password: decoded[colon + 1..].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least cost there is: tests need not wait.
    fn users() -> BTreeMap<String, String> {
        let hash = |password: &str| bcrypt::hash(password, 4).unwrap();
        BTreeMap::from([
            ("alice".to_owned(), hash("wonder")),
            ("bob".to_owned(), hash("a:b")),
        ])
    }

    fn basic(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = format!("Basic {}", BASE64_STANDARD.encode(text));
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        headers
    }

    #[tokio::test]
    async fn only_a_known_name_with_its_password_comes_in() {
        let (door, users) = (Doorkeeper::default(), users());
        for (text, expected) in [
            ("alice:wonder", true),
            ("alice:wonder2", false),
            ("alice:", false),
            ("Alice:wonder", false),
            ("bob:a:b", true),
            ("bob:a", false),
            ("carol:wonder", false),
            (":", false),
            ("alice", false),
        ] {
            // The second time from memory.
            for _ in 0..2 {
                assert_eq!(door.admits(&basic(text), &users).await, expected, "{text}");
            }
        }
        assert!(!door.admits(&HeaderMap::new(), &users).await);
        assert!(door.admits(&HeaderMap::new(), &BTreeMap::new()).await);
    }

    #[tokio::test]
    async fn a_password_that_was_right_is_not_right_for_the_next_hash() {
        let (door, mut users) = (Doorkeeper::default(), users());
        assert!(door.admits(&basic("alice:wonder"), &users).await);
        users.insert("alice".into(), bcrypt::hash("other", 4).unwrap());
        assert!(!door.admits(&basic("alice:wonder"), &users).await);
        assert!(door.admits(&basic("alice:other"), &users).await);
    }

    #[tokio::test]
    async fn nobody_is_let_in_by_what_unknown_names_are_compared_with() {
        let door = Doorkeeper::default();
        // The password of the hash in the toolkit's source.
        for user in ["carol", "alice"] {
            let text = format!("{user}:fakepassword");
            assert!(!door.admits(&basic(&text), &users()).await);
        }
    }

    #[test]
    fn an_unknown_name_costs_as_much_as_the_dearest_known_one() {
        let mut users = users();
        users.insert("dear".into(), bcrypt::hash("x", 6).unwrap());
        let parts: bcrypt::HashParts = nobodys(&users).parse().unwrap();
        assert_eq!(parts.get_cost(), 6);
        assert!(bcrypt::verify("fakepassword", &format!("$2y$10{NOBODYS}")).unwrap());
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let (door, users) = (Doorkeeper::default(), users());
        for number in 0..REMEMBERED + 5 {
            door.admits(&basic(&format!("alice:{number}")), &users)
                .await;
        }
        assert_eq!(door.remembered.lock().unwrap().len(), REMEMBERED);
    }

    #[test]
    fn other_schemes_and_broken_ones_show_nothing() {
        for value in [
            "Bearer YWxpY2U6d29uZGVy",
            "Basic",
            "Basic ???",
            "YWxpY2U6d29uZGVy",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            assert!(shown(&headers).is_none(), "{value}");
        }
        let mut headers = HeaderMap::new();
        let value = "bAsIc YWxpY2U6d29uZGVy";
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        assert_eq!(
            shown(&headers).map(|shown| shown.user),
            Some(b"alice".to_vec())
        );
    }
}
