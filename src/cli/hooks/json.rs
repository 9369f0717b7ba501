//! JSON with the places of its values in the text, so that a file can be changed where it has to be and nowhere else.
//!
//! Promise: what is not changed stays byte for byte, whatever its order, indentation and line ends.

use std::ops::Range;

/// One value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// In bytes of the text.
    pub span: Range<usize>,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Object(Vec<Member>),
    Array(Vec<Node>),
    Text(String),
    /// A number, `true`, `false` or `null`.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub key: String,
    /// From the key to the end of the value.
    pub span: Range<usize>,
    pub value: Node,
}

/// A part of the text and what is to stand there instead.
pub type Edit = (Range<usize>, String);

impl Node {
    /// The one member of that name; `None` when this is no object, or has none or several.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Kind::Object(members) = &self.kind else {
            return None;
        };
        let mut found = members.iter().filter(|member| member.key == key);
        found
            .next()
            .filter(|_| found.next().is_none())
            .map(|member| &member.value)
    }

    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of an array; empty for everything else.
    pub fn elements(&self) -> &[Self] {
        match &self.kind {
            Kind::Array(elements) => elements,
            _ => &[],
        }
    }

    /// The members of an object; empty for everything else.
    pub fn members(&self) -> &[Member] {
        match &self.kind {
            Kind::Object(members) => members,
            _ => &[],
        }
    }

    /// Where what it holds stands, in order.
    pub fn children(&self) -> Vec<Range<usize>> {
        let members = self.members().iter().map(|member| &member.span);
        let elements = self.elements().iter().map(|element| &element.span);
        members.chain(elements).cloned().collect()
    }
}

/// Reads a text. `serde_json` says what is wrong with it, and bounds its depth.
pub fn parse(text: &str) -> Result<Node, serde_json::Error> {
    serde_json::from_str::<serde::de::IgnoredAny>(text)?;
    let mut reader = Reader { text, at: 0 };
    Ok(reader.value().expect("a text that was found to be JSON"))
}

/// Carries edits out that do not overlap, in whatever order they come.
pub fn edited(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let mut result = String::new();
    let mut done = 0;
    for (range, with) in edits {
        result.push_str(text.get(done..range.start).unwrap_or_default());
        result.push_str(&with);
        done = range.end;
    }
    result.push_str(text.get(done..).unwrap_or_default());
    result
}

/// Walks over a text that is known to be right.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn value(&mut self) -> Option<Node> {
        let first = self.peek()?;
        let start = self.at;
        let kind = match first {
            b'{' => Kind::Object(self.list(b'}', Self::member)?),
            b'[' => Kind::Array(self.list(b']', Self::value)?),
            b'"' => Kind::Text(self.string()?),
            _ => {
                let rest = self.text.get(start..)?;
                let len = rest.find(|c: char| c.is_whitespace() || ",]}".contains(c));
                self.at += len.unwrap_or(rest.len());
                Kind::Other
            }
        };
        Some(Node {
            span: start..self.at,
            kind,
        })
    }

    /// What stands between brackets and commas.
    fn list<T>(&mut self, end: u8, item: fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut items = Vec::new();
        self.at += 1;
        while self.peek()? != end {
            items.push(item(self)?);
            if self.peek()? == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        Some(items)
    }

    fn member(&mut self) -> Option<Member> {
        self.peek()?;
        let start = self.at;
        let key = self.string()?;
        self.peek()?;
        self.at += 1;
        let value = self.value()?;
        Some(Member {
            key,
            span: start..self.at,
            value,
        })
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.at += 1;
        while *bytes.get(self.at)? != b'"' {
            self.at += if bytes.get(self.at)? == &b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn value(node: &Node, text: &str) -> Value {
        match &node.kind {
            Kind::Object(members) => members
                .iter()
                .map(|member| (member.key.clone(), value(&member.value, text)))
                .collect(),
            Kind::Array(elements) => elements
                .iter()
                .map(|element| value(element, text))
                .collect(),
            Kind::Text(text) => Value::from(text.as_str()),
            Kind::Other => serde_json::from_str(text.get(node.span.clone()).unwrap()).unwrap(),
        }
    }

    /// Any JSON of a few levels.
    pub fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z\"\\\\{}\\[\\],: \n\u{e9}\u{6f22}]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-zA-Z\"\\\\\u{e9}]{0,6}", inner, 0..4)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn places_hold_what_serde_reads(json in any_json(), is_pretty: bool) {
            let text = if is_pretty {
                serde_json::to_string_pretty(&json).unwrap()
            } else {
                json.to_string()
            };
            let node = parse(&text).unwrap();
            prop_assert_eq!(&node.span, &(0..text.len()));
            prop_assert_eq!(value(&node, &text), json);
        }

        #[test]
        fn no_text_is_read_that_serde_does_not_read(text in "[\\[\\]{}\",:a1 \\\\]{0,12}") {
            prop_assert_eq!(
                parse(&text).is_ok(),
                serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok()
            );
        }
    }
}
