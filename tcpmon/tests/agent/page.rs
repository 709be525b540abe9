//! The page in a browser, with a real agent and a leak.

use serde_json::Value;
use tempfile::TempDir;

use crate::browser::{self, Browser};
use crate::place::in_namespace;
use crate::planted::{impatient, leak};
use crate::world::in_workplace;

/// The box of CLOSE_WAIT is one of trouble.
const IS_TURNED: &str = "/\\b(warning|critical)\\b/\
    .test(document.querySelector('[data-state=CLOSE_WAIT]').className.baseVal)";

#[test]
fn a_leak_turns_its_state_and_its_sentence_appears() {
    if !browser::is_there() {
        return;
    }
    in_namespace(|_| {
        let place = TempDir::new().expect("a directory");
        let agent = impatient(&place, "payments");
        let url = format!("http://{}/", agent.address());
        let mut browser = Browser::start();
        browser.open(&url);
        browser.shows("document.querySelector('[data-pulse]').dataset.pulse == 'live'");
        assert_eq!(browser.value(IS_TURNED), Value::Bool(false));
        in_workplace(|_| {
            let (leaky, _) = leak("payments", 48);
            browser.shows(IS_TURNED);
            let who = format!("payments[{}] has not closed 48 connections", leaky.pid());
            browser.shows(&format!(
                "document.querySelector('.verdicts li .sentence').textContent.startsWith('{who}')"
            ));
            // Said once, to who does not see it.
            browser.shows(&format!(
                "document.querySelector('[role=status]').textContent.includes('{who}')"
            ));
            browser.shows(
                "document.querySelector('h2[data-text=verdict]').textContent.startsWith('What is')",
            );
            for scheme in ["light", "dark"] {
                browser.prefer(scheme);
                browser.keep(&format!("page-{scheme}.png"));
            }
            // Without a script it is all there, and says that it is a still.
            browser.allow_scripts(false);
            browser.open(&url);
            browser.shows("document.querySelector('[data-pulse]').dataset.pulse == 'still'");
            browser.shows("document.body.innerText.includes('this is a still')");
            browser.shows(IS_TURNED);
            browser.shows(&format!("document.body.innerText.includes('{who}')"));
            browser.allow_scripts(true);
            browser.open(&url);
            browser.shows("document.querySelector('[data-pulse]').dataset.pulse == 'live'");
            // By keyboard to a state, and from there to what it means.
            browser.tab();
            browser.shows("document.activeElement.dataset.state !== undefined");
            assert_eq!(
                browser.value("document.querySelectorAll('a.node').length"),
                11
            );
            drop(leaky);
        });
        let complaints = browser.complaints();
        assert!(complaints.is_empty(), "{complaints:#?}");
        drop(agent);
        browser.shows("document.querySelector('[data-pulse]').dataset.pulse == 'lost'");
    });
}
