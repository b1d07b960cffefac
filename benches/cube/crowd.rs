//! Many clients at once, each with a connection of its own, who ask the next question as soon as they
//! have the answer to the last.

use super::common::flight::{ask, connect};
use super::common::{Outcome, cell::Cell};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What many clients saw.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Seen {
    pub(crate) answers: usize,
    pub(crate) seconds: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) worst_ms: f64,
    /// What went wrong.
    pub(crate) errors: Vec<String>,
}

impl Seen {
    pub(crate) fn a_second(&self) -> f64 {
        self.answers as f64 / self.seconds
    }

    fn new(mut took: Vec<Duration>, errors: Vec<String>, whole: Duration) -> Self {
        took.sort_unstable();
        let at = |share: f64| {
            let place = (took.len() as f64 * share) as usize;
            let found = took.get(place.min(took.len().saturating_sub(1)));
            found.map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
        };
        Self {
            answers: took.len(),
            seconds: whole.as_secs_f64(),
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            worst_ms: at(1.0),
            errors,
        }
    }
}

/// Texts in the order in which they are asked, by so many clients.
pub(crate) struct Crowd {
    pub(crate) clients: usize,
    pub(crate) texts: Vec<String>,
}

impl Crowd {
    /// Asks all once; or again and again for so long.
    pub(crate) async fn ask(&self, address: &str, patience: Option<Duration>) -> Outcome<Seen> {
        let texts: Arc<[String]> = self.texts.clone().into();
        let next = Arc::new(AtomicUsize::new(0));
        let mut ready = Vec::new();
        for _ in 0..self.clients {
            ready.push(connect(address).await?);
        }
        let started = Instant::now();
        let asking = ready.into_iter().map(|mut client| {
            let (texts, next) = (Arc::clone(&texts), Arc::clone(&next));
            tokio::spawn(async move {
                let (mut took, mut errors) = (Vec::new(), Vec::new());
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let over = match patience {
                        Some(patience) => started.elapsed() >= patience,
                        None => place >= texts.len(),
                    };
                    if over {
                        return (took, errors);
                    }
                    let text = &texts[place % texts.len()];
                    let asked = Instant::now();
                    match ask(&mut client, text).await {
                        Ok(_) => took.push(asked.elapsed()),
                        Err(error) => errors.push(format!("{text}: {error}")),
                    }
                }
            })
        });
        let (mut took, mut errors) = (Vec::new(), Vec::new());
        for client in asking.collect::<Vec<_>>() {
            let (of_one, wrong) = client.await?;
            took.extend(of_one);
            errors.extend(wrong);
        }
        Ok(Seen::new(took, errors, started.elapsed()))
    }
}

/// The answers to questions, by one client.
pub(crate) async fn answers(address: &str, texts: &[String]) -> Outcome<Vec<Vec<Vec<Cell>>>> {
    let mut client = connect(address).await?;
    let mut all = Vec::new();
    for text in texts {
        let batches = ask(&mut client, text).await.map_err(|error| format!("{text}: {error}"))?;
        all.push(Cell::rows(&batches)?);
    }
    Ok(all)
}
