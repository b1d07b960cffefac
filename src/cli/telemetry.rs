//! What the program says of itself: lines on stderr, and traces to a collector where there is one.

use crate::clock::Clock;
use crate::config::Config;
use crate::error::Result;
use crate::store::Warehouse;
use crate::traces::Traces;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

/// Whoever is to send what waits before the process ends.
static SENDING: Mutex<Vec<Traces>> = Mutex::new(Vec::new());

pub(super) fn log_to_stderr(config: &Config) {
    let filter = tracing_subscriber::EnvFilter::new(&config.log_level);
    // A second project in the same process logs as the first: tests open several.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .try_init();
}

/// Traces what the warehouse records, where the settings say where to.
///
/// # Errors
/// Usage where that cannot be an address.
pub(super) fn trace(config: &Config, warehouse: &Warehouse, clock: &Arc<dyn Clock>) -> Result<()> {
    let Some(endpoint) = &config.traces_endpoint else { return Ok(()) };
    let traces = Traces::over_otlp(endpoint, Arc::clone(clock))?;
    warehouse.tell(Arc::new(traces.clone()));
    SENDING.lock().unwrap_or_else(PoisonError::into_inner).push(traces);
    Ok(())
}

/// Sends what waits. Not to be called by a thread of the runtime, which must run meanwhile.
pub(super) fn shut_down() {
    let sending = std::mem::take(&mut *SENDING.lock().unwrap_or_else(PoisonError::into_inner));
    for traces in sending {
        traces.shut_down();
    }
}
