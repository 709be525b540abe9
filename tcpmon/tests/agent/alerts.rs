//! From a leak to somebody who is told of it: agent, Prometheus, Alertmanager, all of them real.

use serde_json::Value;
use tempfile::TempDir;

use crate::place::in_namespace;
use crate::planted::{impatient, leak};
use crate::prometheus::{Alertmanager, Prometheus, Webhook, shipped};
use crate::world::{check, in_workplace, within};

const NAME: &str = "forgetful";

fn is_told(status: &'static str) -> impl Fn(&Value) -> bool {
    move |alert| {
        let labels = &alert["labels"];
        alert["status"] == status
            && labels["alertname"] == "TcpmonCloseWaitLeak"
            && labels["process"] == NAME
    }
}

#[test]
fn a_leak_is_told_by_name_and_so_is_its_end() {
    in_namespace(|_| {
        let place = TempDir::new().expect("a directory");
        let agent = impatient(&place, NAME);
        let webhook = Webhook::open();
        let Some(alertmanager) = Alertmanager::start(&webhook) else {
            return;
        };
        let told = Some(alertmanager.address());
        let Some(prometheus) = Prometheus::start(agent.address(), told) else {
            return;
        };
        within(30, "rules that are evaluated", || {
            let known = prometheus.query("job:tcpmon_agents_up:sum == 1")?;
            check(!known.is_empty(), || "no agent is up".into())
        });
        webhook
            .alert(is_told("firing"))
            .expect_err("there is no leak yet");
        in_workplace(|_| {
            let (leaky, _) = leak(NAME, 12);
            let alert = within(30, "the alert", || webhook.alert(is_told("firing")));
            let labels = &alert["labels"];
            assert_eq!(labels["severity"], "warning", "{alert:#}");
            assert_eq!(labels["job"], "tcpmon", "{alert:#}");
            let host = agent.address().to_string();
            assert_eq!(labels["instance"], host, "{alert:#}");
            let text = |part: &str| {
                alert["annotations"][part]
                    .as_str()
                    .expect("a text")
                    .to_owned()
            };
            assert_eq!(
                text("summary"),
                format!("{NAME} on {host} leaks connections.")
            );
            let description = text("description");
            for part in [
                &format!("{NAME} on {host} does not close"),
                "in CLOSE_WAIT, the oldest for at least",
            ] {
                assert!(description.contains(part), "{description}");
            }
            assert!(shipped(&text("runbook_url")).is_file(), "{alert:#}");
            drop(leaky);
            within(30, "the end of the alert", || {
                webhook.alert(is_told("resolved"))
            });
        });
    });
}
