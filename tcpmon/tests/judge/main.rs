//! Plays labelled scenarios on a simulated machine and counts what the judge says of them: prints a
//! line per scenario, then precision and recall, and fails unless both are 1. Words on the command
//! line choose scenarios by their names; `--trace` tells every change of a verdict.

#![expect(clippy::print_stdout, reason = "its results are its output")]

mod scenario;
mod scenarios;
mod world;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use scenario::{Scenario, Score, play};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let is_chosen = |scenario: &Scenario| {
        words.is_empty()
            || words
                .iter()
                .any(|word| scenario.name.contains(word.as_str()))
    };
    let chosen: Vec<&Scenario> = scenarios::all()
        .filter(|scenario| is_chosen(scenario))
        .collect();
    let trace = std::env::args().any(|word| word == "--trace");
    let scores = play_all(&chosen, trace);
    let mut total = Score::default();
    for (scenario, score) in chosen.iter().zip(&scores) {
        let is_right = score.found == score.expected && score.wrong == 0;
        println!(
            "{:4} {:58} {} of {} found, {} wrong",
            if is_right { "ok" } else { "FAIL" },
            scenario.name,
            score.found,
            score.expected,
            score.wrong
        );
        for remark in &score.remarks {
            println!("       {remark}");
        }
        total.expected += score.expected;
        total.found += score.found;
        total.wrong += score.wrong;
    }
    let healthy = chosen
        .iter()
        .filter(|scenario| scenario.expected.is_empty())
        .count();
    println!(
        "{} scenarios, {healthy} of them healthy: {} verdicts expected, {} found, {} wrong",
        chosen.len(),
        total.expected,
        total.found,
        total.wrong
    );
    println!(
        "precision {:.3}  recall {:.3}",
        share(total.found, total.found + total.wrong),
        share(total.found, total.expected)
    );
    if total.found == total.expected && total.wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// All scenarios, on as many threads as there are processors; the scores in their order.
fn play_all(scenarios: &[&Scenario], trace: bool) -> Vec<Score> {
    let next = AtomicUsize::new(0);
    let scores = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((index, scenario)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    scenarios.get(index).map(|scenario| (index, scenario))
                } {
                    let score = play(scenario, trace);
                    scores
                        .lock()
                        .expect("no thread panics with it")
                        .push((index, score));
                }
            });
        }
    });
    let mut scores = scores.into_inner().expect("no thread panicked");
    scores.sort_by_key(|(index, _)| *index);
    scores.into_iter().map(|(_, score)| score).collect()
}

/// A share of nothing is all of it.
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}
