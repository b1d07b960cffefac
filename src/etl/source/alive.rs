//! Waiting for the network on a blocking thread, without being deaf meanwhile.

use crate::error::{Error, Result};
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// How often the caller hears that all is well.
const SIGN_OF_LIFE: Duration = Duration::from_millis(100);

/// Hears now and then that work goes on; an error stops it.
pub(crate) type Alive<'a> = dyn FnMut() -> Result<()> + 'a;

/// Awaits what the network gives, on the thread of whoever asks.
pub(super) struct Waiter(Option<Runtime>);

impl Waiter {
    pub(super) fn new() -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let no_runtime = |error| Error::internal("cannot start a runtime").caused_by(error);
        Ok(Self(Some(runtime.map_err(no_runtime)?)))
    }

    /// Awaits something.
    pub(super) fn wait<T>(
        &self,
        alive: &mut Alive<'_>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let runtime = self.0.as_ref().ok_or_else(|| Error::internal("nobody waits any more"))?;
        runtime.block_on(async {
            let mut work = pin!(work);
            let mut tick = tokio::time::interval(SIGN_OF_LIFE);
            loop {
                tokio::select! {
                    done = &mut work => return done,
                    _ = tick.tick() => alive()?,
                }
            }
        })
    }
}

/// A source may be dropped where nobody may block.
impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
