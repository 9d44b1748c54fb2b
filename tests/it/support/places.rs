//! Places of a run, by how much it has told: a test that ends something there meets each of them, however fast the
//! machine is.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use limbeck::Event;

/// How much a run has told.
#[derive(Debug, Clone, Default)]
pub struct Told(Arc<Mutex<Vec<Instant>>>);

impl Told {
    /// For [`Migrator::on_event`](limbeck::Migrator::on_event).
    pub fn observer(&self) -> impl Fn(&Event<'_>) + Send + Sync + 'static {
        let told = self.0.clone();
        move |_| told.lock().expect("no panic").push(Instant::now())
    }

    pub fn events(&self) -> usize {
        self.0.lock().expect("no panic").len()
    }

    /// How many places an end from outside can meet: between events that come at once there is none.
    pub fn apart(&self) -> usize {
        const LONG_ENOUGH: Duration = Duration::from_millis(5);
        let told = self.0.lock().expect("no panic");
        let pauses = told
            .windows(2)
            .filter(|pair| pair[1] - pair[0] >= LONG_ENOUGH);
        1 + pauses.count()
    }

    /// Waits until it has told so much, and a moment longer, so that the next statement is met as well as the gap
    /// before it; or until the run has ended.
    pub async fn reaches<T>(&self, place: Place, run: &tokio::task::JoinHandle<T>) {
        while self.events() < place.events && !run.is_finished() {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        tokio::time::sleep(place.longer).await;
    }
}

/// A place of a run.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    events: usize,
    longer: Duration,
}

/// Places spread over a run that tells of so much in all.
pub fn places(whole: usize, count: usize) -> impl Iterator<Item = Place> {
    (0..count).map(move |number| Place {
        events: 1 + number * (whole - 1) / count,
        longer: Duration::from_millis(number as u64 % 4 * 15),
    })
}
