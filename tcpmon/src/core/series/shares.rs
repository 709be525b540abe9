//! How a budget of series is shared among the sets.

/// Shares of `total` for takers that want so many and weigh so much.
///
/// Nobody gets more than it wants; nobody gets less than it wants or its part by weight; what some
/// do not need, the others share by weight.
#[must_use]
pub(super) fn shares<const N: usize>(total: u64, wants: [u64; N], weights: [u64; N]) -> [u64; N] {
    let mut shares = [0; N];
    let mut left = total;
    let mut hungry: Vec<usize> = (0..N).filter(|taker| wants[*taker] > 0).collect();
    loop {
        let weight: u64 = hungry.iter().map(|taker| weights[*taker]).sum();
        let part = |taker: usize| left * weights[taker] / weight.max(1);
        let (modest, greedy): (Vec<usize>, Vec<usize>) = hungry
            .iter()
            .partition(|taker| wants[**taker] <= part(**taker));
        if modest.is_empty() {
            for taker in greedy {
                shares[taker] = part(taker);
            }
            return shares;
        }
        for taker in modest {
            shares[taker] = wants[taker];
            left -= wants[taker];
        }
        hungry = greedy;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_one_does_not_need_the_others_share() {
        assert_eq!(shares(100, [10, 10, 10], [1, 1, 1]), [10, 10, 10]);
        assert_eq!(shares(100, [500, 10, 500], [2, 1, 1]), [60, 10, 30]);
        assert_eq!(shares(100, [500, 0, 0], [1, 8, 1]), [100, 0, 0]);
        assert_eq!(shares(0, [5, 5], [1, 1]), [0, 0]);
        assert_eq!(shares(0, [0, 0], [1, 1]), [0, 0]);
    }

    proptest! {
        #[test]
        fn nobody_is_wronged(
            total in 0u64..100_000,
            wants in prop::array::uniform4(0u64..50_000),
            weights in prop::array::uniform4(1u64..10),
        ) {
            let shares = shares(total, wants, weights);
            let sum: u64 = shares.iter().sum();
            prop_assert!(sum <= total);
            let all_weights: u64 = weights.iter().sum();
            for taker in 0..4 {
                prop_assert!(shares[taker] <= wants[taker]);
                let part = total * weights[taker] / all_weights;
                prop_assert!(shares[taker] >= part.min(wants[taker]));
            }
            let wanted: u64 = wants.iter().sum();
            // Less than one each is lost to rounding.
            prop_assert!(sum + 4 > wanted.min(total));
        }
    }
}
