//! Where panels stand: from left to right, in lines of 24 columns, each as high as its highest panel.

use serde_json::{Value, json};

use super::board::Row;

const COLUMNS: u64 = 24;

/// The rows and their panels, each with its place and a number of its own.
pub(super) fn place(rows: &[Row]) -> Vec<Value> {
    let mut placed = Vec::new();
    let mut y = 0;
    for row in rows {
        let grid = json!({ "x": 0, "y": y, "w": COLUMNS, "h": 1 });
        let title = json!({
            "type": "row",
            "title": row.title,
            "collapsed": false,
            "panels": [],
        });
        placed.push(with(title, placed.len(), grid));
        y += 1;
        let (mut x, mut height) = (0, 0);
        for panel in &row.panels {
            if x + panel.width > COLUMNS {
                y += height;
                (x, height) = (0, 0);
            }
            let grid = json!({ "x": x, "y": y, "w": panel.width, "h": panel.height });
            placed.push(with(panel.json(), placed.len(), grid));
            x += panel.width;
            height = height.max(panel.height);
        }
        y += height;
    }
    placed
}

fn with(mut panel: Value, before: usize, grid: Value) -> Value {
    panel["id"] = json!(before + 1);
    panel["gridPos"] = grid;
    panel
}
