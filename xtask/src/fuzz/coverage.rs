//! Which inputs reach the most code, by the control file of a libFuzzer `-set_cover_merge=1`.

use std::collections::HashSet;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

/// An input and the places in the code it reaches.
pub(super) struct Input {
    path: PathBuf,
    places: HashSet<u32>,
}

/// Reads a control file (`FuzzerMerge.cpp`): how many files, how many of them were in the first
/// directory, their paths, and for each a line `FT INDEX PLACE…` among others.
pub(super) fn read(control: &str) -> Result<Vec<Input>> {
    let mut lines = control.lines();
    let mut number = || lines.next()?.parse::<usize>().ok();
    let (count, _first) = number()
        .zip(number())
        .context("the merge left no control file as libFuzzer writes it")?;
    let mut inputs: Vec<Input> = lines
        .by_ref()
        .take(count)
        .map(|path| Input {
            path: path.into(),
            places: HashSet::new(),
        })
        .collect();
    for line in lines {
        let mut words = line.split(' ');
        if words.next() != Some("FT") {
            continue;
        }
        let index = words.next().and_then(|word| word.parse::<usize>().ok());
        let input = index
            .and_then(|index| inputs.get_mut(index))
            .with_context(|| format!("the control file has no file for {line:?}"))?;
        input
            .places
            .extend(words.filter_map(|word| word.parse::<u32>().ok()));
    }
    Ok(inputs)
}

/// The inputs that reach the most beyond what `kept` reach, so few that there are at most `limit`
/// with them.
pub(super) fn choose(inputs: &[Input], kept: &[PathBuf], limit: usize) -> Vec<PathBuf> {
    let (known, mut rest): (Vec<&Input>, Vec<&Input>) =
        inputs.iter().partition(|input| kept.contains(&input.path));
    let mut reached: HashSet<u32> = known
        .iter()
        .flat_map(|input| &input.places)
        .copied()
        .collect();
    let mut chosen = Vec::new();
    // All of `kept`: libFuzzer leaves empty files out.
    while kept.len() + chosen.len() < limit {
        let news = |input: &Input| input.places.difference(&reached).count();
        let best = rest.iter().enumerate().map(|(at, input)| (news(input), at));
        // The first of equals: libFuzzer sorts by size.
        let Some((_, at)) = best
            .filter(|(news, _)| *news > 0)
            .min_by_key(|(news, at)| (usize::MAX - news, *at))
        else {
            break;
        };
        let input = rest.remove(at);
        reached.extend(&input.places);
        chosen.push(input.path.clone());
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTROL: &str = "\
4
1
corpus/named
found/a
found/b
found/c
STARTED 0 5
FT 0 1 2
COV 0 1 2
STARTED 1 6
FT 1 1 2 3
COV 1 3
STARTED 2 7
FT 2 1 3 4 5
COV 2 4 5
STARTED 3 8
FT 3 5 6
COV 3 6
";

    fn chosen(limit: usize) -> Vec<PathBuf> {
        choose(&read(CONTROL).unwrap(), &["corpus/named".into()], limit)
    }

    #[test]
    fn what_reaches_the_most_comes_first_and_what_adds_nothing_is_left_out() {
        assert_eq!(chosen(9), ["found/b", "found/c"].map(PathBuf::from));
    }

    #[test]
    fn those_kept_count_too() {
        assert!(chosen(1).is_empty());
        assert_eq!(chosen(2), [PathBuf::from("found/b")]);
    }

    #[test]
    fn what_is_no_control_file_is_refused() {
        assert!(read("").is_err());
        assert!(read("1\n0\na\nFT 7 1\n").is_err());
    }
}
