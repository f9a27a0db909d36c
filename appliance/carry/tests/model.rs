//! The model of losses agrees with trying.

#![cfg(test)]

use pouch_carry::model::{Channel, Plan, Random, simulate};

/// In units of the standard error, estimated from the windows, which are all but independent.
fn deviation(plan: Plan, channel: Channel, windows: u32) -> (f64, f64) {
    let expected = plan.block_lost(channel);
    let lost = simulate(plan, channel, windows, &mut Random::new(7));
    let parts: Vec<f64> = lost.iter().map(|lost| f64::from(*lost) / f64::from(plan.depth)).collect();
    let count = f64::from(windows);
    let mean = parts.iter().sum::<f64>() / count;
    let variance = parts.iter().map(|part| (part - mean).powi(2)).sum::<f64>() / (count - 1.0);
    ((mean - expected) / (variance / count).sqrt(), mean)
}

#[test]
fn model_and_trial_agree() {
    let mut cases = 0;
    for (source, repair, depth) in [(1024, 64, 16), (1024, 128, 64), (200, 20, 16), (64, 8, 1), (64, 8, 4)] {
        for loss in [0.005, 0.02, 0.05, 0.1] {
            for burst in [None, Some(1.5), Some(10.0), Some(100.0), Some(1000.0)] {
                let (plan, channel) = (Plan { source, repair, depth }, Channel { loss, burst });
                let windows = (2_000_000 / (u32::from(depth) * u32::from(source + repair))).max(400);
                // Fewer than some tens of windows that lose something say nothing.
                if plan.block_lost(channel) * f64::from(windows) < 40.0 {
                    continue;
                }
                let (deviation, seen) = deviation(plan, channel, windows);
                let near = seen > 0.999_999 || deviation.abs() < 4.5;
                assert!(near, "{plan:?} {channel:?}: {deviation} errors from the model, {seen} seen");
                cases += 1;
            }
        }
    }
    assert!(cases > 25, "{cases}");
}

#[test]
fn the_longest_burst_that_is_survived() {
    let plan = Plan { source: 1024, repair: 64, depth: 64 };
    // What a burst of so many takes of each block of its window, wherever it begins.
    let most =
        |burst: u32| (0..plan.depth).map(|block| (0..burst).filter(|at| at % 64 == u32::from(block)).count()).max();
    assert_eq!((most(plan.survives()), most(plan.survives() + 1)), (Some(64), Some(65)));
}
