//! The API of Gemini, as Gemini CLI asks and reads it.

use serde_json::{Value, json};

use super::script::{Call, Conversation, fresh};
use super::{Piece, Wire};

pub(super) fn read(body: &Value) -> Conversation {
    let mut read = Conversation::default();
    for content in body["contents"].as_array().into_iter().flatten() {
        for part in content["parts"].as_array().into_iter().flatten() {
            if part["functionResponse"].is_object() {
                read.result();
            } else if content["role"] != "model" {
                read.hears(part["text"].as_str().unwrap_or_default());
            }
        }
    }
    for tool in body["tools"].as_array().into_iter().flatten() {
        for function in tool["functionDeclarations"]
            .as_array()
            .into_iter()
            .flatten()
        {
            if let Some(name) = function["name"].as_str() {
                let schemas = ["parametersJsonSchema", "parameters"];
                let schema = schemas.iter().find_map(|key| function.get(*key));
                read.offers(name, schema.unwrap_or(&Value::Null));
            }
        }
    }
    let forms = ["responseJsonSchema", "responseSchema"];
    read.form = forms
        .iter()
        .find_map(|key| body["generationConfig"].get(*key))
        .cloned();
    read
}

#[derive(Debug)]
pub(super) struct Content;

fn content(parts: &Value, finish: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
    }
    json!({"candidates": [candidate], "modelVersion": "model", "responseId": "1",
        "usageMetadata": {"promptTokenCount": 1200, "candidatesTokenCount": 9, "totalTokenCount": 1209}})
}

fn piece(value: Value) -> Vec<Piece> {
    vec![Piece { name: None, value }]
}

impl Wire for Content {
    fn begin(&mut self) -> Vec<Piece> {
        vec![]
    }

    fn say(&mut self, text: &str) -> Vec<Piece> {
        piece(content(&json!([{ "text": text }]), None))
    }

    fn call(&mut self, call: &Call) -> Vec<Piece> {
        let id = format!("call_{}", fresh());
        let call = json!({"id": id, "name": call.name, "args": call.arguments});
        piece(content(&json!([{ "functionCall": call }]), None))
    }

    fn end(&mut self) -> Vec<Piece> {
        piece(content(&json!([{"text": ""}]), Some("STOP")))
    }

    fn whole(&self, text: &str) -> Value {
        content(&json!([{ "text": text }]), Some("STOP"))
    }

    fn failure(&self, status: u16) -> Value {
        json!({"error": {"code": status, "message": "The model fails", "status": "INVALID_ARGUMENT"}})
    }
}
