//! Endpoints: how a client is told of an answer that is kept, cut into parts to be fetched at once,
//! or as far as it is while the client polls.

use super::descriptor::Asked;
use super::kept::{Kept, Seen, Wanted};
use super::statement::{Planned, flight_info};
use super::{Answers, FlightSql, command};
use crate::error::Result;
use crate::server::handles::Handles;
use crate::server::sign_in::Client;
use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::sql::{Command, ProstMessageExt, TicketStatementQuery};
use arrow_flight::{FlightData, FlightDescriptor, FlightEndpoint, FlightInfo, PollInfo, Ticket};
use bytes::Bytes;
use prost::Message;
use std::ops::Range;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tonic::Status;
use uuid::Uuid;

/// Answers that are kept: how many, and how long after their last use.
const MAX_KEPT: usize = 256;
const MAX_KEPT_AGE: Duration = Duration::from_secs(10 * 60);
/// How often those past their time are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// How long a poll waits for something new to tell.
const POLL_WAIT: Duration = Duration::from_secs(1);

/// The answers that are kept. Of those that are polled, the work is given up where no poll comes for as
/// long as `patience`.
pub(super) fn kept_answers(patience: Duration) -> Arc<Handles<Arc<Kept>>> {
    let kept = Arc::new(Handles::new("answer", MAX_KEPT, MAX_KEPT_AGE));
    tokio::spawn(sweep(Arc::downgrade(&kept), patience));
    kept
}

/// Lets those go that nobody came back for: they take room on disk, and those that are not worked out
/// yet the time of others.
async fn sweep(kept: Weak<Handles<Arc<Kept>>>, patience: Duration) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL.min(patience)).await;
        let Some(kept) = kept.upgrade() else { return };
        let now = Instant::now();
        kept.forget_old(now);
        if let Some(since) = now.checked_sub(patience) {
            kept.forget_where(|kept| kept.is_given_up(since));
        }
    }
}

impl FlightSql {
    /// Works a question out, and says how to fetch it in as many parts as its session wants: once there
    /// is enough of it for more than one, if its rows have no order, and else once all of it is there.
    pub(super) async fn in_parts(
        &self,
        client: &Client,
        planned: Planned,
        descriptor: FlightDescriptor,
    ) -> Result<FlightInfo, Status> {
        let most = self.sessions.of(client).endpoints;
        let (key, kept) = self.begin_kept(client, planned).await?;
        // Until then nobody else keeps it: a client that goes stops the work. Rows that have an order
        // are cut where equal parts end, which only the whole tells.
        kept.more_than(if kept.is_ordered() { usize::MAX } else { 0 }).await?;
        let info = if kept.is_whole() {
            let whole = kept.cut(most)?;
            self.info(&key, &kept, parts(&whole), &whole, descriptor)?
        } else {
            let shares = (0..most).map(|share| format!("{share}of{most}")).collect();
            self.info(&key, &kept, shares, &kept.seen()?, descriptor)?
        };
        self.kept.put(&client.principal, key, kept, Instant::now());
        Ok(info)
    }

    /// Begins to work out what a descriptor asks, or tells how far that is.
    pub(super) async fn poll(
        &self,
        client: &Client,
        descriptor: FlightDescriptor,
    ) -> Result<PollInfo, Status> {
        if let Some((key, seen)) = polled(&descriptor) {
            let kept = self.kept.get(&client.principal, &key, Instant::now())?;
            kept.poll(Instant::now());
            return self.told(&key, &kept, seen, descriptor).await;
        }
        let info = match self.asked(client, &descriptor).await? {
            Asked::Planned(planned) if planned.is_question() => {
                let (key, kept) = self.begin_kept(client, planned).await?;
                kept.poll(Instant::now());
                self.kept.put(&client.principal, key.clone(), Arc::clone(&kept), Instant::now());
                return self.told(&key, &kept, 0, descriptor).await;
            }
            asked => self.info_of(client, asked, descriptor)?,
        };
        Ok(PollInfo { info: Some(info), progress: Some(1.0), ..PollInfo::default() })
    }

    /// What a client that has seen so many parts is told, once there is something new.
    async fn told(
        &self,
        key: &Bytes,
        kept: &Kept,
        seen: usize,
        descriptor: FlightDescriptor,
    ) -> Result<PollInfo, Status> {
        if let Ok(failed) = tokio::time::timeout(POLL_WAIT, kept.more_than(seen)).await {
            failed?;
        }
        kept.poll(Instant::now());
        let now = kept.seen()?;
        let next = format!("{}/{}", String::from_utf8_lossy(key), now.parts.len());
        let next = TicketStatementQuery { statement_handle: next.into() };
        let next = FlightDescriptor::new_cmd(next.as_any().encode_to_vec());
        let mut poll = PollInfo {
            info: Some(self.info(key, kept, parts(&now), &now, descriptor)?),
            flight_descriptor: (!now.is_whole).then_some(next),
            progress: now.progress,
            ..PollInfo::default()
        };
        let until = if now.is_whole { MAX_KEPT_AGE } else { self.poll_patience };
        poll.expiration_time.get_or_insert_default().seconds = self.in_seconds(until);
        Ok(poll)
    }

    async fn begin_kept(&self, client: &Client, planned: Planned) -> Result<(Bytes, Arc<Kept>)> {
        let key = Bytes::from(Uuid::new_v4().to_string());
        let what = (Arc::clone(planned.schema()), planned.is_ordered());
        let file = self.engine.answer_file()?;
        let watch = self.running.watch(&client.principal, key.clone())?;
        let work = self.begin(client, watch, planned).await?;
        let kept = Kept::new(what, work, file, |work| self.threads.start(work));
        Ok((key, Arc::new(kept)))
    }

    fn info(
        &self,
        key: &Bytes,
        kept: &Kept,
        wanted: Vec<String>,
        seen: &Seen,
        descriptor: FlightDescriptor,
    ) -> Result<FlightInfo> {
        let key_text = String::from_utf8_lossy(key);
        let endpoints = wanted.iter().map(|wanted| {
            let statement_handle = format!("{key_text}/{wanted}").into();
            let ticket = TicketStatementQuery { statement_handle };
            let ticket = Ticket::new(ticket.as_any().encode_to_vec());
            let mut endpoint = FlightEndpoint::new().with_ticket(ticket);
            endpoint.expiration_time.get_or_insert_default().seconds = self.kept_until();
            endpoint
        });
        let mut info = flight_info(kept.schema(), descriptor)?.with_ordered(kept.is_ordered());
        info.endpoint = endpoints.collect();
        // Whoever cancels before there is an endpoint finds it by this.
        info.app_metadata = key.clone();
        if seen.is_whole {
            info.total_records = i64::try_from(seen.rows).unwrap_or(-1);
            info.total_bytes = i64::try_from(seen.bytes).unwrap_or(-1);
        }
        Ok(info)
    }

    /// Until when what is used now is kept, in seconds since 1970.
    pub(super) fn kept_until(&self) -> i64 {
        self.in_seconds(MAX_KEPT_AGE)
    }

    /// The end of a time that begins now, in seconds since 1970.
    fn in_seconds(&self, time: Duration) -> i64 {
        (self.engine.clock().now() + time).timestamp()
    }

    /// A part of a kept answer, where the handle means one.
    pub(super) fn fetch_part(
        &self,
        client: &Client,
        handle: &Bytes,
    ) -> Option<Result<Answers<FlightData>>> {
        let (key, wanted) = wanted(handle)?;
        let kept = self.kept.get(&client.principal, &key, Instant::now());
        Some(kept.and_then(|kept| kept.read(wanted)))
    }
}

/// The parts there are, as handles have them.
fn parts(seen: &Seen) -> Vec<String> {
    seen.parts.iter().map(|Range { start, end }| format!("{start}-{end}")).collect()
}

/// The key of an answer that is polled, and how many of its parts were seen.
fn polled(descriptor: &FlightDescriptor) -> Option<(Bytes, usize)> {
    if descriptor.r#type() == DescriptorType::Path {
        return None;
    }
    let Ok(Command::TicketStatementQuery(query)) = command(&descriptor.cmd) else { return None };
    let handle = std::str::from_utf8(&query.statement_handle).ok()?;
    let (key, seen) = handle.split_once('/')?;
    Some((Bytes::from(key.to_owned()), seen.parse().ok()?))
}

/// The key of an answer, and what of it a handle means.
fn wanted(handle: &Bytes) -> Option<(Bytes, Wanted)> {
    let (key, wanted) = std::str::from_utf8(handle).ok()?.split_once('/')?;
    let wanted = match wanted.split_once('-') {
        Some((start, end)) => Wanted::Part(start.parse().ok()?..end.parse().ok()?),
        None => {
            let (share, of) = wanted.split_once("of")?;
            Wanted::Share { share: share.parse().ok()?, of: of.parse().ok()? }
        }
    };
    Some((Bytes::from(key.to_owned()), wanted))
}

/// A handle without the part that it may mean.
pub(super) fn whole(handle: &Bytes) -> Bytes {
    let end = handle.iter().position(|byte| *byte == b'/').unwrap_or(handle.len());
    handle.slice(..end)
}
