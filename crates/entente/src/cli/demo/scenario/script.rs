//! What happens in a scenario, told step by step, and what has to hold: each statement is judged when it is told, and a scenario holds when
//! all of them do.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::super::super::output::{Output, say};
use crate::fault::{Fault, Result};

/// Time that anything awaited may take, where nothing else is said.
pub const AWAITED_MAX: Duration = Duration::from_secs(90);

/// Time between two looks at something that is awaited.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Why a scenario ends early.
#[derive(Debug)]
pub enum Stop {
    /// Something that everything after it rests on did not come to be. The script has it.
    Unmet,
    /// It could not be played.
    Fault(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Fault(error.into())
    }
}

/// Outcome of a part of a scenario.
pub type Played<T = ()> = Result<T, Stop>;

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Who {
    /// People and programs at the platforms.
    Platforms,
    /// Entente.
    Entente,
    /// Whoever runs Entente.
    Operator,
}

/// Something that was done.
#[derive(Debug, Clone, Serialize)]
struct Event {
    by: Who,
    what: String,
}

/// A statement, and whether it holds.
#[derive(Debug, Clone, Serialize)]
struct Check {
    what: String,
    holds: bool,
    /// What was found instead, if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<String>,
}

/// One step.
#[derive(Debug, Clone, Serialize)]
struct Step {
    title: String,
    events: Vec<Event>,
    checks: Vec<Check>,
}

/// What a scenario came to.
#[derive(Debug, Serialize)]
pub struct Outcome {
    scenario: String,
    seed: u64,
    /// Whether every statement holds.
    holds: bool,
    seconds: f64,
    /// Numbers that were measured, by name.
    figures: BTreeMap<String, Value>,
    steps: Vec<Step>,
    /// Statements that do not hold.
    failed: Vec<Check>,
}

impl Outcome {
    /// Whether every statement holds.
    pub fn holds(&self) -> bool {
        self.holds
    }

    /// The end of the talk, for people: the steps were told as they happened.
    pub fn text(&self) -> String {
        let many: usize = self.steps.iter().map(|step| step.checks.len()).sum();
        let mut text = String::from("\n");
        for (name, value) in &self.figures {
            text.push_str(&format!("{name}: {}\n", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
        if self.holds {
            text.push_str(&format!("\nAll {many} statements hold, after {:.1} seconds.", self.seconds));
            return text;
        }
        text.push_str(&format!("\n{} of {many} statements do not hold:\n", self.failed.len()));
        for failed in &self.failed {
            text.push_str(&format!("  ✘ {}\n", failed.what));
            text.extend(failed.found.iter().map(|found| format!("      found: {found}\n")));
        }
        text
    }
}

/// The talk of a scenario.
#[derive(Debug)]
pub struct Script {
    output: Output,
    scenario: String,
    seed: u64,
    began: Instant,
    steps: Vec<Step>,
    figures: BTreeMap<String, Value>,
}

impl Script {
    /// Begins the talk.
    pub fn new(output: Output, scenario: &str, about: &str, seed: u64) -> Self {
        let script =
            Self { output, scenario: scenario.to_owned(), seed, began: Instant::now(), steps: Vec::new(), figures: BTreeMap::new() };
        script.tell(&format!("{}: {about}", scenario.to_uppercase()));
        script
    }

    fn tell(&self, text: &str) {
        if !self.output.is_json() {
            say(text);
        }
    }

    /// Begins a step.
    pub fn step(&mut self, title: &str) {
        self.steps.push(Step { title: title.to_owned(), events: Vec::new(), checks: Vec::new() });
        self.tell(&format!("\n{}. {title}", self.steps.len()));
    }

    fn current(&mut self) -> &mut Step {
        if self.steps.is_empty() {
            self.step("Before everything else");
        }
        let last = self.steps.len() - 1;
        &mut self.steps[last]
    }

    fn event(&mut self, by: Who, sign: &str, what: String) {
        self.tell(&format!("   {sign} {what}"));
        self.current().events.push(Event { by, what });
    }

    /// Tells what people and programs did at the platforms.
    pub fn platforms(&mut self, what: impl Into<String>) {
        self.event(Who::Platforms, "·", what.into());
    }

    /// Tells what Entente did.
    pub fn entente(&mut self, what: impl Into<String>) {
        self.event(Who::Entente, "▸", what.into());
    }

    /// Tells what whoever runs Entente did: a command, or something done to its process.
    pub fn operator(&mut self, what: impl Into<String>) {
        self.event(Who::Operator, "$", what.into());
    }

    /// States something; `found` says what is so instead, if it does not hold. Answers whether it holds.
    pub fn check(&mut self, what: impl Into<String>, holds: bool, found: impl FnOnce() -> String) -> bool {
        let check = Check { what: what.into(), holds, found: (!holds).then(found) };
        self.tell(&format!("   {} {}", if holds { "✔" } else { "✘" }, check.what));
        if let Some(found) = &check.found {
            self.tell(&format!("       found: {found}"));
        }
        self.current().checks.push(check);
        holds
    }

    /// States that something is just this.
    pub fn same<T: PartialEq + Debug>(&mut self, what: impl Into<String>, found: &T, expected: &T) -> bool {
        self.check(what, found == expected, || format!("{found:?}, where {expected:?} is expected"))
    }

    /// States that something comes to be, and waits for it. `last` is what was seen last, for when it does not.
    ///
    /// # Errors
    /// [`Stop::Unmet`] when it does not come within `longest`; whatever `ask` fails with.
    pub async fn awaits<T>(
        &mut self,
        what: impl Into<String>,
        longest: Duration,
        mut ask: impl AsyncFnMut() -> Played<Result<T, String>>,
    ) -> Played<T> {
        let (what, began) = (what.into(), Instant::now());
        loop {
            let last = match ask().await? {
                Ok(found) => {
                    self.check(what, true, String::new);
                    return Ok(found);
                }
                Err(last) => last,
            };
            if began.elapsed() >= longest {
                self.check(what, false, || format!("not within {} seconds; last seen: {last}", longest.as_secs()));
                return Err(Stop::Unmet);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Keeps a number that was measured.
    pub fn figure(&mut self, name: &str, value: impl Into<Value>) {
        self.figures.insert(name.to_owned(), value.into());
    }

    /// Ends the talk.
    pub fn end(self) -> Outcome {
        let failed: Vec<Check> = self.steps.iter().flat_map(|step| &step.checks).filter(|check| !check.holds).cloned().collect();
        let some = self.steps.iter().any(|step| !step.checks.is_empty());
        Outcome {
            scenario: self.scenario,
            seed: self.seed,
            holds: some && failed.is_empty(),
            seconds: (self.began.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            figures: self.figures,
            steps: self.steps,
            failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::super::output::Form;
    use super::*;

    fn script() -> Script {
        Script::new(Output::new(Form::Json), "outage", "a test", 1)
    }

    #[test]
    fn a_scenario_holds_when_every_statement_does() {
        let mut script = script();
        script.step("One");
        script.same("two and two are four", &(2 + 2), &4);
        let outcome = script.end();
        assert!(outcome.holds() && outcome.text().contains("All 1 statements hold"), "{}", outcome.text());
    }

    #[test]
    fn what_does_not_hold_is_listed_with_what_was_found() {
        let mut script = script();
        script.step("One");
        script.same("two and two are five", &(2 + 2), &5);
        script.check("the sky is blue", true, String::new);
        let outcome = script.end();
        assert!(!outcome.holds());
        assert!(outcome.text().contains("1 of 2 statements do not hold:\n  ✘ two and two are five\n      found: 4, where 5 is expected"));
    }

    #[test]
    fn a_scenario_that_states_nothing_does_not_hold() {
        assert!(!script().end().holds());
    }

    #[tokio::test]
    async fn what_never_comes_ends_the_scenario_with_what_was_seen_last() {
        let mut script = script();
        let ended = script.awaits("it comes", Duration::ZERO, async || Ok(Err::<(), _>("nothing".to_owned()))).await;
        assert!(matches!(ended, Err(Stop::Unmet)));
        assert!(script.end().text().contains("last seen: nothing"));
    }
}
