//! One request and its answer over HTTP/1.1: a connection serves one of them, so that its end is the answer's end.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::Piece;

#[derive(Debug)]
pub(super) struct Asked {
    pub method: String,
    /// Without what follows the question mark.
    pub path: String,
    /// Null when it is not JSON.
    pub body: Value,
}

impl Asked {
    /// `None` when the connection ends before the request does.
    pub async fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut stream = BufReader::new(stream);
        let first = line(&mut stream).await?;
        let mut words = first.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let path = target.split('?').next()?.to_owned();
        let (mut length, mut is_chunked) = (0, false);
        loop {
            let header = line(&mut stream).await?.to_ascii_lowercase();
            match header.split_once(':') {
                Some(("content-length", value)) => length = value.trim().parse().ok()?,
                Some(("transfer-encoding", value)) => is_chunked = value.contains("chunked"),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = Vec::new();
        if is_chunked {
            loop {
                let size = usize::from_str_radix(&line(&mut stream).await?, 16).ok()?;
                body.extend(exactly(&mut stream, size).await?);
                line(&mut stream).await?;
                if size == 0 {
                    break;
                }
            }
        } else {
            body = exactly(&mut stream, length).await?;
        }
        Some(Self {
            method,
            path,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        })
    }
}

async fn line(stream: &mut BufReader<&mut TcpStream>) -> Option<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end().to_owned())
}

async fn exactly(stream: &mut BufReader<&mut TcpStream>, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.ok()?;
    Some(bytes)
}

/// The way back.
pub(super) struct Answering(TcpStream);

impl Answering {
    pub fn new(stream: TcpStream) -> Self {
        Self(stream)
    }

    pub async fn json(&mut self, status: u16, body: &Value) -> std::io::Result<()> {
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n",
            body.len()
        );
        self.0.write_all(head.as_bytes()).await?;
        self.0.write_all(body.as_bytes()).await
    }

    /// From now on, pieces follow.
    pub async fn stream(&mut self) -> std::io::Result<()> {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n\
                    connection: close\r\n\r\n";
        self.0.write_all(head.as_bytes()).await
    }

    pub async fn pieces(&mut self, pieces: Vec<Piece>) -> std::io::Result<()> {
        let mut text = String::new();
        for Piece { name, value } in pieces {
            if let Some(name) = name {
                text += "event: ";
                text += name;
                text += "\n";
            }
            text += "data: ";
            text += &value.to_string();
            text += "\n\n";
        }
        self.0.write_all(text.as_bytes()).await
    }
}
