//! Step 1, on the way out: an answer of JSON, written straight from a type of the contract.
//!
//! poem-openapi's own `Json`, which describes it, builds a tree of values first; that takes an accept longer than parsing
//! its body.

use poem::http::{HeaderValue, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::{self, Payload};
use poem_openapi::registry::{MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use serde::Serialize;

const MEDIA_TYPE: &str = payload::Json::<bool>::CONTENT_TYPE;
/// Bytes that a job without rows and receipts fits into.
const CAPACITY: usize = 1024;

/// JSON of a type that is also described by the specification.
pub(super) struct Json<T>(pub(super) T);

/// The same as text.
pub(super) fn text<T: Serialize + ToJSON>(shown: &T) -> String {
    let mut bytes = Vec::with_capacity(CAPACITY);
    write(shown, &mut bytes);
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

/// Appends it. With debug assertions it is compared with what the specification is generated from.
pub(super) fn write<T: Serialize + ToJSON>(shown: &T, out: &mut Vec<u8>) {
    let from = out.len();
    serde_json::to_writer(&mut *out, shown).expect("types of the contract have names of text for keys");
    debug_assert_eq!(
        str::from_utf8(&out[from..]),
        Ok(&*shown.to_json_string()),
        "serde and poem-openapi name the members alike"
    );
}

impl<T: Serialize + ToJSON> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let mut bytes = Vec::with_capacity(CAPACITY);
        write(&self.0, &mut bytes);
        let mut response = Response::from(bytes);
        let media_type = HeaderValue::from_static(MEDIA_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        response
    }
}

impl<T: Type> Payload for Json<T> {
    const CONTENT_TYPE: &'static str = MEDIA_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ToJSON> ApiResponse for Json<T> {
    fn meta() -> MetaResponses {
        payload::Json::<T>::meta()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
