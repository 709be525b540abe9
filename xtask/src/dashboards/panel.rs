//! One panel: what is asked, and how the answer is shown.

use serde_json::{Value, json};

use super::datasource;

/// A panel without its place.
pub(super) struct Panel {
    shape: Shape,
    title: &'static str,
    description: &'static str,
    unit: Unit,
    /// Columns of 24.
    pub(super) width: u64,
    pub(super) height: u64,
    queries: Vec<Query>,
    links: Vec<Value>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Number,
    Course { stacked: bool },
    Table,
}

struct Query {
    expr: String,
    legend: &'static str,
}

/// What selectors begin with, and what that stands for.
const CHOSEN: [(&str, &str); 3] = [
    ("{job", r#"{job=~"$job""#),
    ("{host", r#"{job=~"$job", instance="$instance""#),
    (
        "{process",
        r#"{job=~"$job", instance=~"$instance", process="$process""#,
    ),
];

/// What a number means, in Grafana's words.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    /// How many.
    Count,
    /// How many in a second.
    PerSecond,
    /// Seconds.
    Seconds,
    /// 0 to 1.
    Ratio,
    /// Bytes.
    Bytes,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Count => "short",
            Self::PerSecond => "cps",
            Self::Seconds => "s",
            Self::Ratio => "percentunit",
            Self::Bytes => "bytes",
        }
    }
}

/// One number, now.
pub(super) fn number(title: &'static str, unit: Unit, description: &'static str) -> Panel {
    Panel::new(Shape::Number, title, unit, description, (4, 4))
}

/// Lines over time.
pub(super) fn course(title: &'static str, unit: Unit, description: &'static str) -> Panel {
    Panel::new(
        Shape::Course { stacked: false },
        title,
        unit,
        description,
        (12, 8),
    )
}

/// Areas over time, one on the other: parts of a whole.
pub(super) fn stack(title: &'static str, unit: Unit, description: &'static str) -> Panel {
    Panel::new(
        Shape::Course { stacked: true },
        title,
        unit,
        description,
        (12, 8),
    )
}

/// A line per series, now: labels and the value.
pub(super) fn table(title: &'static str, unit: Unit, description: &'static str) -> Panel {
    Panel::new(Shape::Table, title, unit, description, (24, 8))
}

impl Panel {
    const fn new(
        shape: Shape,
        title: &'static str,
        unit: Unit,
        description: &'static str,
        (width, height): (u64, u64),
    ) -> Self {
        Self {
            shape,
            title,
            description,
            unit,
            width,
            height,
            queries: Vec::new(),
            links: Vec::new(),
        }
    }

    /// Asks this, and calls each answer `legend`, in which `{{label}}` stands for a label's value. In
    /// `expr` a selector that begins with one of [`CHOSEN`] is of what was chosen at the top.
    pub(super) fn ask(mut self, expr: &str, legend: &'static str) -> Self {
        let chosen = |expr: String, (word, matchers): &(&str, &str)| expr.replace(word, matchers);
        // Written in several lines, asked in one.
        let expr = expr.split_whitespace().collect::<Vec<_>>().join(" ");
        let expr = CHOSEN.iter().fold(expr, chosen);
        self.queries.push(Query { expr, legend });
        self
    }

    pub(super) const fn wide(mut self, width: u64) -> Self {
        self.width = width;
        self
    }

    /// A click on the column `label` of a table opens the dashboard `uid` about it.
    pub(super) fn opens(mut self, label: &str, uid: &str) -> Self {
        let title = format!("Open this {label}");
        let job_and_instance =
            "var-job=${__data.fields.job}&var-instance=${__data.fields.instance}";
        let process = "var-process=${__data.fields.process}";
        let url = format!(
            "/d/{uid}?${{datasource:queryparam}}&{job_and_instance}&{process}&${{__url_time_range}}"
        );
        self.links.push(json!({
            "matcher": { "id": "byName", "options": label },
            "properties": [{ "id": "links", "value": [{ "title": title, "url": url }] }],
        }));
        self
    }

    pub(super) fn json(&self) -> Value {
        let (kind, options) = match self.shape {
            Shape::Number => ("stat", number_options()),
            Shape::Course { .. } => ("timeseries", course_options()),
            Shape::Table => (
                "table",
                json!({ "showHeader": true, "footer": { "show": false } }),
            ),
        };
        let mut panel = json!({
            "type": kind,
            "title": self.title,
            "description": self.description,
            "datasource": datasource(),
            "fieldConfig": {
                "defaults": self.defaults(),
                "overrides": self.links,
            },
            "options": options,
            "targets": self.targets(),
        });
        if self.shape == Shape::Table {
            let hidden = json!({ "Time": true, "__name__": true });
            panel["transformations"] = json!([
                { "id": "organize", "options": { "excludeByName": hidden, "renameByName": { "Value": "value" } } },
            ]);
        }
        panel
    }

    fn defaults(&self) -> Value {
        let mut defaults = json!({ "unit": self.unit.name(), "min": 0 });
        if let Shape::Course { stacked } = self.shape {
            defaults["custom"] = json!({
                "drawStyle": "line",
                "lineWidth": 1,
                "fillOpacity": if stacked { 40 } else { 0 },
                "showPoints": "never",
                "stacking": { "mode": if stacked { "normal" } else { "none" }, "group": "A" },
            });
        }
        defaults
    }

    fn targets(&self) -> Vec<Value> {
        let is_now = !matches!(self.shape, Shape::Course { .. });
        let target = |(letter, query): (char, &Query)| {
            json!({
                "refId": letter.to_string(),
                "datasource": datasource(),
                "expr": query.expr,
                "legendFormat": query.legend,
                "instant": is_now,
                "range": !is_now,
                "format": if self.shape == Shape::Table { "table" } else { "time_series" },
            })
        };
        ('A'..='Z').zip(&self.queries).map(target).collect()
    }
}

fn number_options() -> Value {
    json!({
        "colorMode": "value",
        "graphMode": "area",
        "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
    })
}

fn course_options() -> Value {
    json!({
        "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true },
        "tooltip": { "mode": "multi", "sort": "desc" },
    })
}
