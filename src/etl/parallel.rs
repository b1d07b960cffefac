//! Work done by several threads whose results come in the order it was given out.

use crate::error::{Error, ErrorKind, Result};
use crate::store::lanes;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Takes work; an error stops who gives it.
pub(super) type Give<'a, W> = dyn FnMut(W) -> Result<()> + 'a;

/// Does what `produce` gives out and hands each result to `consume`, which runs on the caller's
/// thread, in the order of the work. Whatever the number of processors, what is under way at a
/// time is bounded by it, and an error anywhere stops everything: the first in the order of the
/// work is returned.
///
/// # Errors
/// Those of the three functions.
pub(super) fn in_order<W: Send, D: Send, P: Send>(
    produce: impl FnOnce(&mut Give<'_, W>) -> Result<P> + Send,
    work: impl Fn(W) -> Result<D> + Sync,
    mut consume: impl FnMut(D) -> Result<()>,
) -> Result<P> {
    let workers = lanes();
    let (to_do, queue) = sync_channel::<(W, SyncSender<Result<D>>)>(workers);
    let (in_turn, results) = sync_channel::<Receiver<Result<D>>>(workers);
    thread::scope(|scope| {
        // The queue ends with its last worker, so that who gives out work never waits for none.
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..workers {
            let (queue, work) = (Arc::clone(&queue), &work);
            scope.spawn(move || {
                while let Some((item, done)) = next(&queue) {
                    // nobody waits for it any more if something failed
                    let _ = done.send(work(item));
                }
            });
        }
        drop(queue);
        let producer = scope.spawn(move || {
            produce(&mut |item| {
                let (done, result) = sync_channel(1);
                in_turn.send(result).map_err(|_| stopped())?;
                to_do.send((item, done)).map_err(|_| stopped())
            })
        });
        let consumed = results.into_iter().try_for_each(|result| {
            consume(result.recv().map_err(|_| Error::internal("a thread broke down"))??)
        });
        let produced = producer.join().map_err(|_| Error::internal("a thread broke down"))?;
        consumed.and(produced)
    })
}

fn next<T>(queue: &Mutex<Receiver<T>>) -> Option<T> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn stopped() -> Error {
    Error::new(ErrorKind::Cancelled, "the work was stopped")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn numbers(upto: u64) -> impl FnOnce(&mut Give<'_, u64>) -> Result<u64> {
        move |give| {
            (0..upto).try_for_each(give)?;
            Ok(upto)
        }
    }

    #[test]
    fn results_come_in_order_whoever_is_first() {
        let slow = |number: u64| {
            thread::sleep(Duration::from_micros(number * 7 % 50));
            Ok(number)
        };
        let mut seen = Vec::new();
        let given = in_order(numbers(500), slow, |number| {
            seen.push(number);
            Ok(())
        });
        assert_eq!(given.unwrap(), 500);
        assert!(seen.iter().copied().eq(0..500));
    }

    #[test]
    fn the_first_error_in_order_stops_everything() {
        let odd = |number: u64| match number {
            40.. => Err(Error::user(format!("{number}"))),
            _ => Ok(number),
        };
        let error = in_order(numbers(u64::MAX), odd, |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("40"), "{error}");
        let error = in_order(numbers(u64::MAX), Ok, |number| match number {
            7 => Err(Error::user("enough")),
            _ => Ok(()),
        });
        assert_eq!(error.unwrap_err().kind(), ErrorKind::User);
        let broken = |give: &mut Give<'_, u64>| -> Result<()> {
            give(1)?;
            Err(Error::data("unreadable"))
        };
        let mut seen = 0;
        let error = in_order(broken, Ok, |_| {
            seen += 1;
            Ok(())
        });
        assert_eq!((error.unwrap_err().kind(), seen), (ErrorKind::Data, 1));
    }
}
