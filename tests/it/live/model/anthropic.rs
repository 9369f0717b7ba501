//! The Messages API, as Claude Code asks and reads it.

use serde_json::{Value, json};

use super::script::{Call, Conversation, fresh};
use super::{Piece, Wire};

pub(super) fn read(body: &Value) -> Conversation {
    let mut read = Conversation::default();
    for message in body["messages"].as_array().into_iter().flatten() {
        if message["role"] != "user" {
            continue;
        }
        if let Some(text) = message["content"].as_str() {
            read.hears(text);
        }
        for block in message["content"].as_array().into_iter().flatten() {
            match block["type"].as_str() {
                Some("text") => read.hears(block["text"].as_str().unwrap_or_default()),
                Some("tool_result") => read.result(),
                _ => {}
            }
        }
    }
    for tool in body["tools"].as_array().into_iter().flatten() {
        if let Some(name) = tool["name"].as_str() {
            read.offers(name, &tool["input_schema"]);
        }
    }
    let forms = ["/output_format/schema", "/output_config/format/schema"];
    read.form = forms.iter().find_map(|path| body.pointer(path)).cloned();
    read.is_about_title = body["system"].to_string().contains("title");
    read
}

#[derive(Debug, Default)]
pub(super) struct Messages {
    blocks: usize,
    has_called: bool,
}

fn named(name: &'static str, mut value: Value) -> Piece {
    value["type"] = json!(name);
    Piece {
        name: Some(name),
        value,
    }
}

fn message(content: &Value) -> Value {
    json!({"id": format!("msg_{}", fresh()), "type": "message", "role": "assistant", "model": "model", "content": content,
        "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 1200, "output_tokens": 1}})
}

impl Messages {
    fn block(&mut self, block: &Value, delta: &Value) -> Vec<Piece> {
        let index = self.blocks;
        self.blocks += 1;
        vec![
            named(
                "content_block_start",
                json!({"index": index, "content_block": block}),
            ),
            named(
                "content_block_delta",
                json!({"index": index, "delta": delta}),
            ),
            named("content_block_stop", json!({"index": index})),
        ]
    }
}

impl Wire for Messages {
    fn begin(&mut self) -> Vec<Piece> {
        vec![named(
            "message_start",
            json!({"message": message(&json!([]))}),
        )]
    }

    fn say(&mut self, text: &str) -> Vec<Piece> {
        self.block(
            &json!({"type": "text", "text": ""}),
            &json!({"type": "text_delta", "text": text}),
        )
    }

    fn call(&mut self, call: &Call) -> Vec<Piece> {
        self.has_called = true;
        let id = format!("toolu_{}", fresh());
        self.block(
            &json!({"type": "tool_use", "id": id, "name": call.name, "input": {}}),
            &json!({"type": "input_json_delta", "partial_json": call.arguments.to_string()}),
        )
    }

    fn end(&mut self) -> Vec<Piece> {
        let reason = if self.has_called {
            "tool_use"
        } else {
            "end_turn"
        };
        let delta = json!({"stop_reason": reason, "stop_sequence": null});
        vec![
            named(
                "message_delta",
                json!({"delta": delta, "usage": {"output_tokens": 9}}),
            ),
            named("message_stop", json!({})),
        ]
    }

    fn whole(&self, text: &str) -> Value {
        let mut message = message(&json!([{"type": "text", "text": text}]));
        message["stop_reason"] = json!("end_turn");
        message
    }

    fn failure(&self, _status: u16) -> Value {
        json!({"type": "error", "error": {"type": "invalid_request_error", "message": "The model fails"}})
    }
}
