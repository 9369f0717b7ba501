//! The Responses API, as Codex asks and reads it.

use serde_json::{Value, json};

use super::script::{Call, Conversation, fresh};
use super::{Piece, Wire};

pub(super) fn read(body: &Value) -> Conversation {
    let mut read = Conversation::default();
    for item in body["input"].as_array().into_iter().flatten() {
        let kind = item["type"].as_str().unwrap_or("message");
        if kind.ends_with("call_output") {
            read.result();
        } else if kind == "message" && item["role"] == "user" {
            for part in item["content"].as_array().into_iter().flatten() {
                read.hears(part["text"].as_str().unwrap_or_default());
            }
        }
    }
    for tool in body["tools"].as_array().into_iter().flatten() {
        let nested = tool["tools"].as_array();
        for tool in nested.into_iter().flatten().chain([tool]) {
            if let (Some(name), true) = (tool["name"].as_str(), tool["type"] != "namespace") {
                read.offers(name, &tool["parameters"]);
            }
        }
    }
    read.form = body.pointer("/text/format/schema").cloned();
    read
}

#[derive(Debug, Default)]
pub(super) struct Responses {
    pieces: usize,
    items: usize,
}

impl Responses {
    fn piece(&mut self, name: &'static str, mut value: Value) -> Piece {
        value["type"] = json!(name);
        value["sequence_number"] = json!(self.pieces);
        self.pieces += 1;
        Piece {
            name: Some(name),
            value,
        }
    }

    /// An item that is there at once, but for the text that is streamed into it.
    fn item(&mut self, begun: &Value, text: Option<&str>, done: &Value) -> Vec<Piece> {
        let index = self.items;
        self.items += 1;
        let added = json!({"output_index": index, "item": begun});
        let mut pieces = vec![self.piece("response.output_item.added", added)];
        if let Some(text) = text {
            let delta = json!({"item_id": begun["id"], "output_index": index, "content_index": 0, "delta": text});
            pieces.push(self.piece("response.output_text.delta", delta));
        }
        let finished = json!({"output_index": index, "item": done});
        pieces.push(self.piece("response.output_item.done", finished));
        pieces
    }
}

fn response(status: &str) -> Value {
    json!({"id": format!("resp_{}", fresh()), "object": "response", "created_at": 0, "status": status, "model": "model", "output": [],
        "usage": {"input_tokens": 1200, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 9,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 1209}})
}

impl Wire for Responses {
    fn begin(&mut self) -> Vec<Piece> {
        let created = json!({"response": response("in_progress")});
        vec![self.piece("response.created", created)]
    }

    fn say(&mut self, text: &str) -> Vec<Piece> {
        let id = format!("msg_{}", fresh());
        let item = |status: &str, content: Value| json!({"type": "message", "id": id, "role": "assistant", "status": status, "content": content});
        // The tool shows whole lines.
        let text = format!("{text}\n");
        let content = json!([{"type": "output_text", "text": text, "annotations": []}]);
        self.item(
            &item("in_progress", json!([])),
            Some(&text),
            &item("completed", content),
        )
    }

    fn call(&mut self, call: &Call) -> Vec<Piece> {
        let call_id = format!("call_{}", fresh());
        let item = match call.arguments.as_str() {
            Some(text) => {
                json!({"type": "custom_tool_call", "id": format!("ctc_{}", fresh()), "call_id": call_id, "name": call.name,
                "input": text, "status": "completed"})
            }
            None => {
                json!({"type": "function_call", "id": format!("fc_{}", fresh()), "call_id": call_id, "name": call.name,
                "arguments": call.arguments.to_string(), "status": "completed"})
            }
        };
        self.item(&item, None, &item)
    }

    fn end(&mut self) -> Vec<Piece> {
        let completed = json!({"response": response("completed")});
        vec![self.piece("response.completed", completed)]
    }

    fn whole(&self, _text: &str) -> Value {
        response("completed")
    }

    fn failure(&self, _status: u16) -> Value {
        json!({"error": {"message": "The model fails", "type": "invalid_request_error", "code": null, "param": null}})
    }
}
