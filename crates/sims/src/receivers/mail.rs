//! A mail server that takes mail and keeps it: SMTP as RFC 5321 has it, without encryption, for this machine alone. Letters are judged as
//! RFC 5322 says: the headers that must be there, once, line ends of CR LF, lines of 998 bytes at most.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Bytes of a line at most, without its end.
const LINE_MAX: usize = 998;

/// A letter that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Who sent it, as the envelope says.
    pub from: String,
    /// To whom, as the envelope says.
    pub to: Vec<String>,
    /// The subject, decoded.
    pub subject: String,
    /// The text, decoded.
    pub text: String,
}

#[derive(Debug, Default)]
struct State {
    letters: Vec<Letter>,
    wrong: Vec<String>,
    /// Letters that are refused for now.
    busy: u32,
}

/// A mail server.
#[derive(Debug, Clone)]
pub struct MailServer {
    state: Arc<Mutex<State>>,
    /// Host and port.
    pub address: SocketAddr,
}

impl MailServer {
    /// Starts it.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let server = Self { state: Arc::default(), address: listener.local_addr()? };
        let state = Arc::clone(&server.state);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(talk(socket, Arc::clone(&state)));
            }
        });
        Ok(server)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Letters that were taken, in order.
    #[must_use]
    pub fn letters(&self) -> Vec<Letter> {
        self.state().letters.clone()
    }

    /// What was wrong with what came.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        self.state().wrong.clone()
    }

    /// Has the next letters be refused for now, as a busy server does.
    pub fn be_busy(&self, letters: u32) {
        self.state().busy = letters;
    }
}

/// One conversation. A client that breaks off ends it.
async fn talk(socket: TcpStream, state: Arc<Mutex<State>>) {
    if let Err(error) = converse(socket, &state).await {
        tracing::debug!(%error, "a conversation of the mail server broke off");
    }
}

async fn converse(socket: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let (reading, mut writing) = socket.into_split();
    let mut lines = BufReader::new(reading);
    writing.write_all(b"220 mail.sim ESMTP\r\n").await?;
    let (mut from, mut to) = (String::new(), Vec::new());
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let said = line.trim_end();
        let verb = said.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => "250-mail.sim\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n".to_owned(),
            "HELO" | "RSET" | "NOOP" => "250 ok\r\n".to_owned(),
            "MAIL" => {
                from = within(said);
                to.clear();
                "250 ok\r\n".to_owned()
            }
            "RCPT" if from.is_empty() => "503 who are you\r\n".to_owned(),
            "RCPT" => {
                to.push(within(said));
                "250 ok\r\n".to_owned()
            }
            "DATA" if to.is_empty() => "503 to whom\r\n".to_owned(),
            "DATA" => {
                writing.write_all(b"354 go on\r\n").await?;
                let raw = letter(&mut lines).await?;
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                if state.busy > 0 {
                    state.busy -= 1;
                    "451 busy, come again\r\n".to_owned()
                } else {
                    match judge(&raw) {
                        Ok((subject, text)) => {
                            state.letters.push(Letter { from: from.clone(), to: to.clone(), subject, text });
                            "250 taken\r\n".to_owned()
                        }
                        Err(what) => {
                            state.wrong.push(what);
                            "554 this is no letter\r\n".to_owned()
                        }
                    }
                }
            }
            "QUIT" => {
                writing.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "502 what\r\n".to_owned(),
        };
        writing.write_all(answer.as_bytes()).await?;
    }
}

/// What stands between angle brackets.
fn within(said: &str) -> String {
    said.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(inner, _)| inner.to_owned()).unwrap_or_default()
}

/// The letter up to the line with a single dot, with doubled dots made single.
async fn letter(lines: &mut BufReader<tokio::net::tcp::OwnedReadHalf>) -> std::io::Result<Vec<u8>> {
    let mut raw = Vec::new();
    loop {
        let mut line = Vec::new();
        if lines.read_until(b'\n', &mut line).await? == 0 || line == b".\r\n" {
            return Ok(raw);
        }
        raw.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}

/// The subject and the text of a letter, or what is wrong with it.
fn judge(raw: &[u8]) -> Result<(String, String), String> {
    let text = std::str::from_utf8(raw).map_err(|_| "it is not UTF-8".to_owned())?;
    for line in text.split_inclusive('\n') {
        let bare = line.strip_suffix("\r\n").ok_or_else(|| format!("a line without CR LF: {line:?}"))?;
        if bare.len() > LINE_MAX || bare.contains('\r') {
            return Err(format!("a line that no server passes on: {bare:?}"));
        }
    }
    let (head, body) = text.split_once("\r\n\r\n").ok_or("there is no body")?;
    let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let header = |name: &str| -> Result<String, String> {
        let mut found = head.split("\r\n").filter_map(|line| line.split_once(": ")).filter(|(of, _)| of.eq_ignore_ascii_case(name));
        let (_, value) = found.next().ok_or_else(|| format!("the header {name} is missing"))?;
        if found.next().is_some() { Err(format!("the header {name} is there twice")) } else { Ok(value.to_owned()) }
    };
    for name in ["From", "To", "Date"] {
        header(name)?;
    }
    let encoding = header("Content-Transfer-Encoding").unwrap_or_default().to_ascii_lowercase();
    let bytes = match encoding.as_str() {
        "base64" => STANDARD.decode(body.replace("\r\n", "")).map_err(|_| "the body is no base64".to_owned())?,
        "quoted-printable" => quoted(&body.replace("=\r\n", ""), false),
        _ => body.as_bytes().to_vec(),
    };
    let decoded = String::from_utf8(bytes).map_err(|_| "the body is not UTF-8".to_owned())?;
    Ok((words(&header("Subject")?), decoded.replace("\r\n", "\n").trim_end().to_owned()))
}

/// A header with encoded words (RFC 2047).
fn words(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut encoded_before = false;
    while let Some(start) = rest.find("=?") {
        let (before, word) = rest.split_at(start);
        // Blanks between two encoded words are no part of the text.
        if !(encoded_before && before.trim().is_empty()) {
            out.push_str(before);
        }
        let mut parts = word.get(2..).unwrap_or_default().splitn(3, '?');
        let (Some(_), Some(how), Some(tail)) = (parts.next(), parts.next(), parts.next()) else { break };
        let Some((coded, after)) = tail.split_once("?=") else { break };
        let bytes = if how.eq_ignore_ascii_case("b") { STANDARD.decode(coded).unwrap_or_default() } else { quoted(coded, true) };
        out.push_str(&String::from_utf8_lossy(&bytes));
        (rest, encoded_before) = (after, true);
    }
    out.push_str(rest);
    out
}

/// Quoted-printable; in headers an underscore is a blank.
fn quoted(text: &str, in_header: bool) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = text.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, digits) {
            (b'=', Some(value)) => {
                out.push(value);
                at += 3;
                continue;
            }
            (b'_', _) if in_header => out.push(b' '),
            _ => out.push(*byte),
        }
        at += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_read_and_one_without_a_date_is_not() {
        let raw = "From: a@b.c\r\nTo: d@e.f\r\nDate: Mon, 5 Jan 2026 09:00:00 +0000\r\nSubject: =?utf-8?b?4pqg?= desk\r\n fails\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nIt =E2=86=92 =\r\nis.\r\n";
        assert_eq!(judge(raw.as_bytes()), Ok(("⚠ desk fails".to_owned(), "It → is.".to_owned())));
        let without = raw.replace("Date: Mon, 5 Jan 2026 09:00:00 +0000\r\n", "");
        assert_eq!(judge(without.as_bytes()), Err("the header Date is missing".to_owned()));
        assert!(judge(b"From: a\nTo: b\n\nx\n").unwrap_err().contains("without CR LF"));
    }
}
