//! A dashboard and its variables.

use serde_json::{Value, json};

use super::datasource;
use super::layout::place;
use super::panel::Panel;

/// One dashboard.
pub(super) struct Dashboard {
    /// Fixed, so that links to it stay.
    pub(super) uid: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) variables: Vec<Variable>,
    pub(super) rows: Vec<Row>,
}

/// A headline and the panels below it.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) panels: Vec<Panel>,
}

/// Something to choose at the top, beside the data source, which every dashboard has.
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    /// What Prometheus is asked for the choices.
    pub(super) query: &'static str,
    /// Whether several may be chosen, and all.
    pub(super) several: bool,
}

/// The job that scrapes the agents.
pub(super) const JOB: Variable = Variable {
    name: "job",
    label: "Job",
    query: "label_values(tcpmon_build_info, job)",
    several: true,
};

impl Dashboard {
    pub(super) fn json(&self) -> Value {
        let mut variables = vec![json!({
            "name": "datasource",
            "label": "Data source",
            "type": "datasource",
            "query": "prometheus",
            "current": {},
            "hide": 0,
        })];
        variables.extend(self.variables.iter().map(Variable::json));
        json!({
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["tcpmon"],
            "schemaVersion": 38,
            "version": 1,
            "editable": true,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": { "from": "now-1h", "to": "now" },
            "timezone": "",
            "annotations": { "list": [] },
            "links": [{
                "title": "tcpmon",
                "type": "dashboards",
                "tags": ["tcpmon"],
                "asDropdown": false,
                "includeVars": true,
                "keepTime": true,
            }],
            "templating": { "list": variables },
            "panels": place(&self.rows),
        })
    }
}

impl Variable {
    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "label": self.label,
            "type": "query",
            "datasource": datasource(),
            "query": { "query": self.query, "refId": self.name },
            "definition": self.query,
            "refresh": 2,
            "sort": 1,
            "multi": self.several,
            "includeAll": self.several,
            // Matches a label that is not there, too.
            "allValue": if self.several { json!(".*") } else { Value::Null },
            "current": {},
            "hide": 0,
        })
    }
}
