//! Lines: what is around a request and an answer, and how a line is read that may be anything.

use serde::{Deserialize, Serialize};

use super::{Refusal, Request};

/// The frame of a request.
#[derive(Debug, Clone, Serialize)]
pub(in crate::control) struct Ask<'a> {
    pub(in crate::control) id: u64,
    #[serde(flatten)]
    pub(in crate::control) request: &'a Request,
}

/// The frame of everything the server says after the greeting: one of the three is there.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::control) struct Said<T> {
    /// Null when the request was so broken that it had none.
    pub(in crate::control) id: Option<u64>,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub(in crate::control) ok: Option<T>,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub(in crate::control) event: Option<T>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::control) error: Option<Refusal>,
}

fn none<T>() -> Option<T> {
    None
}

/// A line that is not a request, and the id it had.
pub(in crate::control) struct NotARequest {
    pub(in crate::control) id: Option<u64>,
    pub(in crate::control) why: String,
}

impl NotARequest {
    fn new(id: Option<u64>, what: &str, error: &serde_json::Error) -> Self {
        // serde repeats what it was given, and that may be long.
        let why: String = error.to_string().chars().take(200).collect();
        Self {
            id,
            why: format!("{what}: {why}"),
        }
    }
}

/// Reads one line.
pub(in crate::control) fn parse(line: &[u8]) -> Result<(u64, Request), NotARequest> {
    let mut value: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(line)
        .map_err(|error| NotARequest::new(None, "line is not a JSON object", &error))?;
    let id = value
        .remove("id")
        .and_then(|id| id.as_u64())
        .ok_or_else(|| NotARequest {
            id: None,
            why: "\"id\" is missing or no whole number".to_owned(),
        })?;
    let request = Request::deserialize(serde_json::Value::Object(value))
        .map_err(|error| NotARequest::new(Some(id), "request is not known", &error))?;
    let (Request::Start { workers } | Request::Stop { workers } | Request::Restart { workers }) =
        &request
    else {
        return Ok((id, request));
    };
    if workers.is_empty() {
        return Err(NotARequest {
            id: Some(id),
            why: "request names no worker".to_owned(),
        });
    }
    Ok((id, request))
}
