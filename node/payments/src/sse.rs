//! Server-sent events: cuts a byte stream into whole events without changing a byte.

use bytes::{Bytes, BytesMut};

/// Longest event that is buffered, in bytes. One token's chunk is a few hundred bytes.
pub const MAX_EVENT_BYTES: usize = 1 << 20;

/// An upstream sent an event without an end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the upstream sent more than {MAX_EVENT_BYTES} bytes without ending an event")]
pub struct EventTooLong;

/// Collects bytes until an event is whole.
#[derive(Debug, Default)]
pub struct Splitter {
    buffer: BytesMut,
    /// Bytes at the front of `buffer` that are known to hold no end of an event.
    scanned: usize,
}

impl Splitter {
    /// Adds what arrived and takes every event that is now whole, each with its final blank line.
    ///
    /// # Errors
    /// [`EventTooLong`] when the unfinished rest passes [`MAX_EVENT_BYTES`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Bytes>, EventTooLong> {
        self.buffer.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = event_end(&self.buffer, self.scanned) {
            events.push(self.buffer.split_to(end).freeze());
            self.scanned = 0;
        }
        // An end is at most four bytes long, so it may begin in the last three.
        self.scanned = self.buffer.len().saturating_sub(3);
        if self.buffer.len() > MAX_EVENT_BYTES { Err(EventTooLong) } else { Ok(events) }
    }

    /// What is left when the stream ends: an event that was cut off, or nothing.
    #[must_use]
    pub fn rest(self) -> Option<Bytes> {
        (!self.buffer.is_empty()).then(|| self.buffer.freeze())
    }
}

/// Index after the first blank line that begins at or after `from`. Lines end with a line feed, a
/// carriage return or both, and the line before need not end as the blank one does.
fn event_end(buffer: &[u8], from: usize) -> Option<usize> {
    (from..buffer.len()).find_map(|at| {
        let first = line_end(buffer.get(at..)?)?;
        let blank = line_end(buffer.get(at + first..)?)?;
        Some(at + first + blank)
    })
}

/// Length of the line end that these bytes begin with.
const fn line_end(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'\r', b'\n', ..] => Some(2),
        [b'\r' | b'\n', ..] => Some(1),
        _ => None,
    }
}

/// Fields of one event that this node reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// `event:` field, empty if absent.
    pub name: String,
    /// `data:` lines, joined by line feeds.
    pub data: String,
}

impl Event {
    /// Parses a whole event; comments and unknown fields are skipped, bad UTF-8 is replaced, and
    /// the mark with which some streams begin (a byte order mark) is no part of the first field.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
        let mut event = Self::default();
        let mut first = true;
        for line in text.split(['\n', '\r']) {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut event.name),
                "data" => {
                    if !first {
                        event.data.push('\n');
                    }
                    first = false;
                    event.data.push_str(value);
                }
                _ => {}
            }
        }
        event
    }

    /// Whether this is OpenAI's end mark.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.data.trim() == "[DONE]"
    }
}

/// What a text in UTF-8 may begin with, and means nothing.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Bytes of a text without the byte order mark that some servers put before it.
#[must_use]
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

/// Writes an event; `data` must be one line.
#[must_use]
pub fn write(name: Option<&str>, data: &str) -> Bytes {
    debug_assert!(!data.contains(['\n', '\r']), "data of a written event is one line");
    match name {
        Some(name) => format!("event: {name}\ndata: {data}\n\n").into(),
        None => format!("data: {data}\n\n").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn events_are_cut_at_blank_lines_of_any_kind() {
        let mut splitter = Splitter::default();
        assert_eq!(splitter.push(b"data: a\n").unwrap(), Vec::<Bytes>::new());
        let events = splitter.push(b"\ndata: b\r\n\r\nevent: x\ndata: c\r\rdata: d").unwrap();
        assert_eq!(events, ["data: a\n\n", "data: b\r\n\r\n", "event: x\ndata: c\r\r"]);
        assert_eq!(splitter.rest().unwrap(), "data: d");
    }

    /// `\n\r\n` was no end, so that a whole stream was said to be cut.
    #[test]
    fn line_ends_may_be_mixed() {
        for end in ["\n\r\n", "\r\n\n", "\n\r", "\r\n\r", "\r\r\n"] {
            let mut splitter = Splitter::default();
            let mut events = Vec::new();
            for byte in format!("data: a{end}data: [DONE]{end}").bytes() {
                events.extend(splitter.push(&[byte]).unwrap());
            }
            let read: Vec<String> = events
                .iter()
                .map(|bytes| Event::parse(bytes).data)
                .filter(|data| !data.is_empty())
                .collect();
            assert_eq!(read, ["a", "[DONE]"], "{end:?}");
        }
        // One line end of two bytes is none of two.
        assert_eq!(event_end(b"data: a\r\ndata: b\r\n", 0), None);
    }

    /// The first event was lost, and billed one token less.
    #[test]
    fn a_byte_order_mark_hides_no_event() {
        let event = Event::parse("\u{feff}data: a\n\n".as_bytes());
        assert_eq!(event.data, "a");
        assert_eq!(without_mark("\u{feff}{}".as_bytes()), b"{}");
        assert_eq!(without_mark(b"{}"), b"{}");
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut splitter = Splitter::default();
        assert!(splitter.push(&vec![b'x'; MAX_EVENT_BYTES]).is_ok());
        assert_eq!(splitter.push(b"x"), Err(EventTooLong));
    }

    #[test]
    fn fields_are_read_and_comments_skipped() {
        let event =
            Event::parse(b": ping\nevent: oml-receipt\ndata: {\"a\":1}\ndata:two\nid: 4\n\n");
        assert_eq!(event, Event { name: "oml-receipt".into(), data: "{\"a\":1}\ntwo".into() });
        assert!(Event::parse(b"data: [DONE]\n\n").is_done());
        assert_eq!(Event::parse(b"data: \xff\n\n").data, "\u{fffd}");
        let written = write(Some("oml-receipt"), "abc");
        assert_eq!(
            Event::parse(&written),
            Event { name: "oml-receipt".into(), data: "abc".into() }
        );
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_events_and_keeps_every_byte(
            lines in proptest::collection::vec("(data: [a-z]{0,5})?", 0..20),
            cuts in proptest::collection::vec(0_usize..7, 0..60),
        ) {
            let bytes = lines.join("\n").into_bytes();
            let mut whole = Splitter::default();
            let expected = whole.push(&bytes).unwrap();
            let mut pieces = Splitter::default();
            let mut events = Vec::new();
            let mut rest = &bytes[..];
            for cut in cuts {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                events.extend(pieces.push(now).unwrap());
                rest = later;
            }
            events.extend(pieces.push(rest).unwrap());
            prop_assert_eq!(&events, &expected);
            let mut all: Vec<u8> = events.concat();
            all.extend(pieces.rest().unwrap_or_default());
            prop_assert_eq!(all, bytes);
        }
    }
}
