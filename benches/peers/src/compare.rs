//! The peers beside each other: round after round, in an order that turns.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::database::{Database, Engine};
use crate::figures::{Table, Times, digits, ratio, verdict};
use crate::peers::{Kind, Peer};
use crate::proxy::Proxy;
use crate::task::{Set, Task};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// All are applied.
    Nothing,
    /// All but the last.
    One,
    /// None.
    Fresh,
}

impl Scenario {
    pub const ALL: [Scenario; 3] = [Scenario::Nothing, Scenario::One, Scenario::Fresh];

    /// For the command line.
    pub fn key(self) -> &'static str {
        match self {
            Scenario::Nothing => "nothing",
            Scenario::One => "one",
            Scenario::Fresh => "fresh",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Scenario::Nothing => "nothing to do",
            Scenario::One => "one pending",
            Scenario::Fresh => "500 fresh",
        }
    }

    fn task(self) -> Task {
        let set = Set::All;
        let all = set.revisions().len();
        let applied = match self {
            Scenario::Nothing => all,
            Scenario::One => all - 1,
            Scenario::Fresh => 0,
        };
        Task { set, applied }
    }

    /// The short ones are cheap and their medians need more.
    fn rounds(self, rounds: usize) -> usize {
        match self {
            Scenario::Nothing | Scenario::One => rounds * 4,
            Scenario::Fresh => rounds,
        }
    }
}

/// A peer with databases that it has brought itself to where a scenario begins.
pub struct Runner<'a> {
    pub peer: &'a dyn Peer,
    engine: &'a dyn Engine,
    nearly: Option<Database>,
    head: Option<Database>,
}

impl<'a> Runner<'a> {
    pub fn new(
        peer: &'a dyn Peer,
        engine: &'a dyn Engine,
        scenarios: &[Scenario],
    ) -> Result<Runner<'a>> {
        let state = |wanted: Scenario, set: Set| -> Result<Option<Database>> {
            if !scenarios.contains(&wanted) {
                return Ok(None);
            }
            let database = engine.empty(&format!("{}_{}", peer.key(), set.name()))?;
            peer.ready(&database, Task::whole(set))?.go()?;
            engine.verify(&database, set.revisions().len())?;
            Ok(Some(database))
        };
        Ok(Runner {
            peer,
            engine,
            nearly: state(Scenario::One, Set::Nearly)?,
            head: state(Scenario::Nothing, Set::All)?,
        })
    }

    pub fn name(&self, database: &Database) -> String {
        match self.peer.kind() {
            Kind::Library => self.peer.name(database).to_owned(),
            Kind::Process => format!("{} (process)", self.peer.name(database)),
        }
    }

    /// One run of a scenario: `watched` lets the peer go.
    fn run<T>(
        &self,
        scenario: Scenario,
        proxy: Option<&Proxy>,
        watched: impl FnOnce(&mut dyn FnMut() -> Result<()>) -> Result<T>,
        after: impl FnOnce(&T) -> T,
    ) -> Result<T> {
        let database = match scenario {
            Scenario::Nothing => self.head.clone().context("a state that is there")?,
            Scenario::One => {
                let from = self.nearly.as_ref().context("a state that is there")?;
                self.engine.copy(from, "work")?
            }
            Scenario::Fresh => self.engine.empty("work")?,
        };
        let place = match proxy {
            Some(proxy) => database.through(proxy.port()),
            None => database.clone(),
        };
        let task = scenario.task();
        let mut ready = self.peer.ready(&place, task)?;
        let result = watched(&mut || ready.go())
            .with_context(|| format!("{}, {}", self.peer.key(), scenario.name()))?;
        ready.rest();
        let result = after(&result);
        drop(ready);
        self.engine.verify(&database, task.set.revisions().len())?;
        if scenario != Scenario::Nothing {
            self.engine.remove(&database)?;
        }
        Ok(result)
    }

    fn time(&self, scenario: Scenario, proxy: Option<&Proxy>) -> Result<Duration> {
        self.run(
            scenario,
            proxy,
            |go| {
                let began = Instant::now();
                go()?;
                Ok(began.elapsed())
            },
            |time| *time,
        )
    }

    /// A library's without connecting, a process's with it.
    fn round_trips(&self, scenario: Scenario, proxy: &Proxy) -> Result<u64> {
        let before = proxy.round_trips();
        self.run(
            scenario,
            Some(proxy),
            |go| {
                let connected = proxy.round_trips();
                go()?;
                Ok(match self.peer.kind() {
                    Kind::Library => connected,
                    Kind::Process => before,
                })
            },
            |from| proxy.round_trips() - from,
        )
    }
}

/// What one scenario took each peer.
pub struct Measured {
    pub scenario: Scenario,
    pub times: Vec<Times>,
}

pub fn measure(
    runners: &[Runner<'_>],
    scenarios: &[Scenario],
    rounds: usize,
    proxy: Option<&Proxy>,
) -> Result<Vec<Measured>> {
    let mut all = Vec::new();
    for scenario in scenarios {
        let mut times = vec![Times::default(); runners.len()];
        for round in 0..scenario.rounds(rounds) {
            eprintln!("{}: round {}", scenario.name(), round + 1);
            for place in 0..runners.len() {
                let index = (place + round) % runners.len();
                times[index].push(runners[index].time(*scenario, proxy)?);
            }
        }
        all.push(Measured {
            scenario: *scenario,
            times,
        });
    }
    Ok(all)
}

/// Times in milliseconds, with ratios to the first runner.
pub fn print_times(runners: &[Runner<'_>], names: &[String], measured: &[Measured]) {
    let mut columns = vec!["milliseconds"];
    for one in measured {
        columns.extend([one.scenario.name(), "ratio"]);
    }
    let mut table = Table::new(&columns);
    let reference = runners.iter().position(|one| one.peer.key() == "limbeck");
    for (index, name) in names.iter().enumerate() {
        let mut cells = vec![name.clone()];
        for one in measured {
            let base = reference.and_then(|reference| one.times[reference].median());
            cells.push(one.times[index].cell());
            cells.push(ratio(one.times[index].median(), base));
        }
        table.row(&cells);
    }
    table.print();
}

/// One run of each scenario, counted.
pub fn print_round_trips(
    runners: &[Runner<'_>],
    names: &[String],
    scenarios: &[Scenario],
    proxy: &Proxy,
) -> Result<()> {
    let mut columns = vec!["round trips"];
    columns.extend(scenarios.iter().map(|scenario| scenario.name()));
    let mut table = Table::new(&columns);
    for (runner, name) in runners.iter().zip(names) {
        let mut cells = vec![name.clone()];
        for scenario in scenarios {
            cells.push(runner.round_trips(*scenario, proxy)?.to_string());
        }
        table.row(&cells);
    }
    table.print();
    Ok(())
}

/// What each peer has SQLite do, written down by a revision that it runs.
pub fn print_settings(peers: &[&dyn Peer], engine: &dyn Engine) -> Result<()> {
    let mut table = Table::new(&["SQLite", "journal_mode, synchronous"]);
    for peer in peers {
        let database = engine.empty("settings")?;
        peer.ready(&database, Task::whole(Set::Settings))?.go()?;
        let found = engine.ask(
            &database,
            "SELECT journal_mode || ', ' || synchronous FROM settings",
        )?;
        table.row(&[peer.name(&database).to_owned(), found]);
        engine.remove(&database)?;
    }
    table.print();
    Ok(())
}

/// The median of a peer in a scenario.
pub fn median_of(
    runners: &[Runner<'_>],
    measured: &[Measured],
    key: &str,
    scenario: Scenario,
) -> Option<f64> {
    let index = runners.iter().position(|one| one.peer.key() == key)?;
    measured
        .iter()
        .find(|one| one.scenario == scenario)
        .and_then(|one| one.times[index].median())
}

/// What one number of the asks for, and what was measured.
pub fn budget(table: &mut Table, what: &str, one: Option<f64>, other: Option<f64>, limit: f64) {
    let (Some(one), Some(other)) = (one, other) else {
        return;
    };
    table.row(&[
        what.to_owned(),
        format!("{} / {}", digits(one), digits(other)),
        format!("{:.2}×", one / other),
        format!("{limit}×"),
        verdict(one <= other * limit).to_owned(),
    ]);
}
