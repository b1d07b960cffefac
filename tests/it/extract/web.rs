//! A web server of a test's own, on a free port of the loopback address: it says what the test has
//! it say, headers and all, and can hang up in the middle.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request: what was asked for, and by whom.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(&name.to_lowercase()).map(String::as_str)
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }
}

/// What the server says.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// So many bytes of the body come, then nothing more.
    cut_at: Option<usize>,
    /// The connection stays open, silent.
    hangs: bool,
    /// The body is said again and again.
    is_endless: bool,
}

impl Answer {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200, body)
    }

    pub(crate) fn status(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let (headers, body) = (Vec::new(), body.into());
        Self { status, headers, body, cut_at: None, hangs: false, is_endless: false }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The connection is cut in the middle of the body.
    pub(crate) fn cut_at(self, bytes: usize) -> Self {
        Self { cut_at: Some(bytes), ..self }
    }

    /// After so many bytes nothing comes any more, and nobody hangs up.
    pub(crate) fn silent_after(self, bytes: usize) -> Self {
        Self { cut_at: Some(bytes), hangs: true, ..self }
    }

    /// The body has no end.
    pub(crate) fn endless(self) -> Self {
        Self { is_endless: true, ..self }
    }
}

type Say = dyn Fn(&Request) -> Answer + Send + Sync;

/// The server; it stops with this.
pub(crate) struct Web {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Request>>>,
    /// Connections that the other side has closed.
    closed: Arc<AtomicBool>,
    ends: Arc<AtomicBool>,
}

impl Web {
    pub(crate) fn new(say: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let web =
            Self { port, asked: Arc::default(), closed: Arc::default(), ends: Arc::default() };
        let say: Arc<Say> = Arc::new(say);
        let (asked, closed, ends) =
            (Arc::clone(&web.asked), Arc::clone(&web.closed), Arc::clone(&web.ends));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let (asked, closed, ends) =
                    (Arc::clone(&asked), Arc::clone(&closed), Arc::clone(&ends));
                let (stream, say) = (stream.unwrap(), Arc::clone(&say));
                std::thread::spawn(move || serve(stream, &*say, &asked, &closed, &ends));
            }
        });
        web
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// The requests so far.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    /// Whether somebody has hung up on an answer without an end.
    pub(crate) fn is_left_alone(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// One answer a connection.
fn serve(
    mut stream: TcpStream,
    say: &Say,
    asked: &Mutex<Vec<Request>>,
    closed: &AtomicBool,
    ends: &AtomicBool,
) {
    let Some(request) = read(&stream) else { return };
    asked.lock().unwrap().push(request.clone());
    let answer = say(&request);
    let mut head = format!("HTTP/1.1 {} said\r\nconnection: close\r\n", answer.status);
    if !answer.is_endless && answer.status != 204 {
        head += &format!("content-length: {}\r\n", answer.body.len());
    }
    answer.headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    head += "\r\n";
    let body = &answer.body[..answer.cut_at.unwrap_or(answer.body.len())];
    if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).is_err() {
        return closed.store(true, Ordering::Relaxed);
    }
    while answer.is_endless && !ends.load(Ordering::Relaxed) {
        if stream.write_all(body).is_err() {
            return closed.store(true, Ordering::Relaxed);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    if answer.hangs {
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let mut byte = [0];
        while !ends.load(Ordering::Relaxed) {
            match stream.read(&mut byte) {
                Ok(0) => return closed.store(true, Ordering::Relaxed),
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// A path as it was before it was made part of a URL.
fn decoded(path: &str) -> String {
    let pair = format!("p={path}");
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs.next().unwrap().1.into_owned()
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next()?;
    let target = first.split(' ').nth(1)?;
    let url = url::Url::parse(&format!("http://here{target}")).ok()?;
    let headers = lines.take_while(|line| !line.is_empty());
    let headers = headers.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_lowercase(), value.trim().to_owned()))
    });
    let query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned()));
    Some(Request {
        path: decoded(url.path().trim_start_matches('/')),
        query: query.collect(),
        headers: headers.collect(),
    })
}
