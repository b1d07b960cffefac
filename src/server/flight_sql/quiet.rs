//! Work whose panics are caught and told to the client as its own fault: nothing of them goes to the
//! server's log, which whoever sends nonsense could fill.

use futures::FutureExt;
use std::any::Any;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{self, AssertUnwindSafe};
use std::pin::pin;
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What the work comes to, or that it panicked.
pub(super) async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    hear();
    let mut work = pin!(AssertUnwindSafe(work).catch_unwind());
    // The thread may be another whenever the work goes on.
    poll_fn(|context| {
        let before = QUIET.replace(true);
        let polled = work.as_mut().poll(context);
        QUIET.set(before);
        polled
    })
    .await
}

/// Lets all panics but those be told as they were.
fn hear() {
    static HEARS: Once = Once::new();
    HEARS.call_once(|| {
        let told = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                told(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_answer_and_the_next_is_told_again() {
        assert_eq!(caught(async { 1 }).await.ok(), Some(1));
        let broken = caught(async {
            assert!(QUIET.get());
            tokio::task::yield_now().await;
            assert!(!QUIET.get(), "nobody hears this");
        });
        assert!(broken.await.is_err());
        assert!(!QUIET.get());
    }
}
