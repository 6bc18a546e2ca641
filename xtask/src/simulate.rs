//! `cargo xtask simulate`: the seeded simulation under faults, over as many seeds as there is patience for.

use anyhow::{Context, Result, bail};

use crate::shell;

/// Runs the simulation in release over `--seeds N` seeds starting at `--from S`.
///
/// # Errors
/// When a seed breaks an invariant; its number is in the output and repeats the run exactly.
pub fn simulate(args: &[String]) -> Result<()> {
    let mut test = shell::cargo(&["test", "--release", "-p", "entente", "--test", "simulation", "--", "--nocapture"]);
    for pair in args.chunks(2) {
        let [flag, value] = pair else { bail!("`{}` needs a number", pair.join(" ")) };
        let variable = match flag.as_str() {
            "--seeds" => "ENTENTE_SIM_SEEDS",
            "--from" => "ENTENTE_SIM_FROM",
            unknown => bail!("`simulate` takes --seeds N and --from S, not `{unknown}`"),
        };
        let number: u64 = value.parse().with_context(|| format!("{flag} takes a whole number, not `{value}`"))?;
        test.env(variable, number.to_string());
    }
    shell::run(&mut test)
}
