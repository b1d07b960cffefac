//! The query log: JSON lines, a file a day, written by a thread of its own.
//!
//! A query never waits for it: records go through a bounded queue, and what does not fit is
//! dropped and counted.

use super::durable::{Disk, io_error};
use super::{QueryRecord, paths};
use crate::error::{Error, Result};
use object_store::path::Path as StorePath;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

/// Records that may wait for the disk.
const QUEUED_RECORDS: usize = 4096;

/// Records that are written together at most.
const WRITTEN_TOGETHER: usize = 256;

/// For so long records gather before those that wait are written: a writer that wakes up for each of them
/// takes as much time of the processors as some queries do.
const GATHERING: Duration = Duration::from_millis(20);

/// Bytes of a query's text, and of its error, that are kept.
const TEXT_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub(crate) struct QueryLog {
    disk: Arc<Disk>,
    writer: Mutex<Option<Writer>>,
    dropped: AtomicU64,
}

#[derive(Debug)]
struct Writer {
    sender: SyncSender<Message>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
enum Message {
    /// A line for a file.
    Line(StorePath, Vec<u8>),
    /// All lines before this must be in their files before it is answered.
    Flush(SyncSender<()>),
}

impl QueryLog {
    pub(crate) fn new(disk: Arc<Disk>) -> Self {
        Self { disk, writer: Mutex::new(None), dropped: AtomicU64::new(0) }
    }

    /// Adds a record, if there is room.
    pub(crate) fn record(&self, query: QueryRecord) {
        if let Err(error) = self.try_record(query) {
            let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::warn!(%error, dropped, "a query was not logged");
        }
    }

    /// All records in the order of their files and lines, that is, of their writing.
    pub(crate) fn read(&self) -> Result<Vec<QueryRecord>> {
        self.flush();
        let folder = paths::queries();
        let mut records = Vec::new();
        for name in self.disk.names(&folder)? {
            let path = folder.clone().join(name);
            let bytes = self.disk.read(&path)?.unwrap_or_default();
            for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
                match serde_json::from_slice::<QueryRecord>(line) {
                    Ok(record) => records.push(record),
                    Err(_) if line.is_empty() => {}
                    // A writer was killed within it.
                    Err(_) => {
                        tracing::warn!(file = %path, line = index + 1, "a logged query is cut short");
                    }
                }
            }
        }
        records.sort_by_key(|record| record.at);
        Ok(records)
    }

    fn try_record(&self, mut query: QueryRecord) -> Result<()> {
        let path = paths::queries_of(query.at.date_naive());
        for text in std::iter::once(&mut query.text).chain(&mut query.error) {
            if text.len() > TEXT_BYTES {
                text.truncate(text.floor_char_boundary(TEXT_BYTES));
                text.push('…');
            }
        }
        let mut line = serde_json::to_vec(&query)
            .map_err(|error| Error::internal("not writable as JSON").caused_by(error))?;
        line.push(b'\n');
        let sent = self.sender()?.try_send(Message::Line(path, line));
        sent.map_err(|_| Error::internal("the query log is full or its writer has ended"))
    }

    fn flush(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((sender, thread)) = writer.as_ref().map(Writer::both) else { return };
        drop(writer);
        let (answer, answered) = sync_channel(1);
        if sender.send(Message::Flush(answer)).is_ok() {
            thread.unpark();
            let _ = answered.recv();
        }
    }

    /// The way to the writer, which begins with the first record.
    fn sender(&self) -> Result<SyncSender<Message>> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = writer.as_ref() {
            return Ok(writer.sender.clone());
        }
        let (sender, receiver) = sync_channel(QUEUED_RECORDS);
        let disk = Arc::clone(&self.disk);
        let thread = std::thread::Builder::new()
            .name("query-log".to_owned())
            .spawn(move || write_all(&disk, &receiver))
            .map_err(|error| Error::internal("cannot start the log's thread").caused_by(error))?;
        *writer = Some(Writer { sender: sender.clone(), thread });
        Ok(sender)
    }
}

impl Writer {
    fn both(&self) -> (SyncSender<Message>, Thread) {
        (self.sender.clone(), self.thread.thread().clone())
    }
}

impl Drop for QueryLog {
    /// Waits until what was queued is written.
    fn drop(&mut self) {
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Writer { sender, thread }) = writer {
            drop(sender);
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn write_all(disk: &Disk, receiver: &Receiver<Message>) {
    let mut open: HashMap<StorePath, File> = HashMap::new();
    while let Ok(first) = receiver.recv() {
        // What has come in the meantime is written with it.
        let (mut lines, mut answers) = (BTreeMap::<StorePath, Vec<u8>>::new(), Vec::new());
        let mut count = 0;
        for message in std::iter::once(first).chain(receiver.try_iter()).take(WRITTEN_TOGETHER) {
            count += 1;
            match message {
                Message::Line(path, line) => lines.entry(path).or_default().extend(line),
                Message::Flush(answer) => answers.push(answer),
            }
        }
        for (path, lines) in lines {
            if let Err(error) = write_lines(disk, &mut open, &path, &lines) {
                tracing::warn!(%error, "queries were not logged");
            }
        }
        let is_asked = !answers.is_empty();
        for answer in answers {
            let _ = answer.send(());
        }
        // Whoever waits for the file, or ends the log, ends this as well.
        if !is_asked && count < WRITTEN_TOGETHER {
            std::thread::park_timeout(GATHERING);
        }
    }
}

/// Whole lines in one write: those of several processes do not mix.
fn write_lines(
    disk: &Disk,
    open: &mut HashMap<StorePath, File>,
    path: &StorePath,
    lines: &[u8],
) -> Result<()> {
    let on_disk = disk.resolve(path);
    if !open.contains_key(path) {
        // A new day: yesterday's file is done.
        open.clear();
        let opened = open_log(&on_disk).map_err(|error| io_error("open", &on_disk, error))?;
        open.insert(path.clone(), opened);
    }
    let Some(file) = open.get_mut(path) else { return Ok(()) };
    file.write_all(lines).map_err(|error| io_error("write", &on_disk, error))
}

/// Opens a log to append; a last line that was cut short is ended first.
fn open_log(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    if last != [b'\n'] {
        file.write_all(b"\n")?;
    }
    Ok(file)
}
