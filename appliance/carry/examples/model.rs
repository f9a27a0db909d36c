//! Prints the tables of appliance/link/MODEL.md: blocks lost of a tebibyte, by the model and by trying.
#![expect(clippy::print_stdout, reason = "a program that prints")]

use pouch_carry::model::{Channel, Plan, Random, simulate};

const TEBIBYTE: f64 = 1_099_511_627_776.0;
const SYMBOL: u16 = 1408;
/// Blocks that are tried for each figure.
const TRIED: u32 = 1 << 20;
const LOSSES: [f64; 6] = [0.001, 0.005, 0.01, 0.02, 0.03, 0.05];

fn cell(plan: Plan, channel: Channel, seed: u64) -> String {
    let expected = plan.blocks_lost(channel, TEBIBYTE, SYMBOL);
    let all = plan.blocks_lost(Channel { loss: 1.0, burst: None }, TEBIBYTE, SYMBOL);
    let lost = simulate(plan, channel, TRIED / u32::from(plan.depth), &mut Random::new(seed));
    let lost: f64 = lost.iter().map(|lost| f64::from(*lost)).sum();
    // What comes from a few windows says little.
    let tried = if lost < 8.0 * f64::from(plan.depth) { "-".to_owned() } else { number(lost / f64::from(TRIED) * all) };
    format!("{} ({tried})", number(expected))
}

fn number(value: f64) -> String {
    match value {
        value if value < 1e-99 => "<1e-99".to_owned(),
        value if (1.0..1e6).contains(&value) => format!("{value:.0}"),
        value => format!("{value:.0e}"),
    }
}

fn main() {
    let mut seed = 0;
    for (name, repair) in [("6.25", 64), ("12.5", 128), ("25", 256)] {
        println!("\n**Repair {name} %** ({repair} symbols)\n");
        let heads: Vec<String> = LOSSES.iter().map(|loss| format!("{:.1} %", loss * 100.0)).collect();
        println!("| depth | survives | burst | {} |\n|---|---|---|{}", heads.join(" | "), "---|".repeat(LOSSES.len()));
        for depth in [16, 64, 256] {
            for burst in [None, Some(10.0), Some(100.0), Some(1000.0)] {
                let plan = Plan { source: 1024, repair, depth };
                let cells: Vec<String> = LOSSES
                    .iter()
                    .map(|loss| {
                        seed += 1;
                        cell(plan, Channel { loss: *loss, burst }, seed)
                    })
                    .collect();
                let burst = burst.map_or("1".to_owned(), |burst| format!("{burst:.0}"));
                println!("| {depth} | {} | {burst} | {} |", plan.survives(), cells.join(" | "));
            }
        }
    }
}
