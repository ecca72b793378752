//! What the service offers, by path: read from the specification, so that `Allow` and the known parameters
//! cannot differ from it.

use std::collections::BTreeMap;

use poem::http::Method;
use serde_json::Value;

use super::meter::Meter;

/// Paths outside the specification; each takes `GET` without parameters.
const OPERATIONS: [&str; 7] = [
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/problems/{code}",
];

/// All paths with their methods and query parameters.
pub(super) struct Surface(Vec<Offer>);

/// One path.
pub(super) struct Offer {
    /// Like `/jobs/{id}`.
    pub(super) template: String,
    /// Of all answers at the path.
    pub(super) meter: Meter,
    methods: BTreeMap<String, BTreeMap<String, Occurs>>,
}

/// How often a query parameter may stand in a query.
#[derive(Clone, Copy)]
pub(super) enum Occurs {
    Once,
    Often,
}

impl Surface {
    /// The surface that this document describes, and the operations' paths.
    pub(super) fn new(document: &Value) -> Self {
        let described = document["paths"].as_object().into_iter().flatten();
        let described = described.map(|(template, operations)| Offer {
            template: template.clone(),
            meter: Meter::new(template),
            methods: operations
                .as_object()
                .into_iter()
                .flatten()
                .map(|(method, operation)| (method.to_uppercase(), query_parameters(operation)))
                .collect(),
        });
        let operations = OPERATIONS.map(|template| Offer {
            template: template.to_owned(),
            meter: Meter::new(template),
            methods: BTreeMap::from([("GET".to_owned(), BTreeMap::new())]),
        });
        let mut offers: Vec<_> = described.chain(operations).collect();
        for offer in &mut offers {
            if let Some(query) = offer.methods.get("GET").cloned() {
                offer.methods.insert("HEAD".to_owned(), query);
            }
        }
        // What is written out goes before what any text fits: `/jobs/cancel` before `/jobs/{id}`.
        offers.sort_by_key(|offer| offer.template.contains('{'));
        Self(offers)
    }

    /// The offer at this path.
    pub(super) fn at(&self, path: &str) -> Option<&Offer> {
        self.0.iter().find(|offer| matches(&offer.template, path))
    }
}

impl Offer {
    /// The header `Allow`.
    pub(super) fn allow(&self) -> String {
        self.methods
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Whether the path takes this method.
    pub(super) fn takes(&self, method: &Method) -> bool {
        self.methods.contains_key(method.as_str())
    }

    /// The query parameters that the operation knows.
    pub(super) fn parameters(&self, method: &Method) -> Option<&BTreeMap<String, Occurs>> {
        self.methods.get(method.as_str())
    }
}

fn query_parameters(operation: &Value) -> BTreeMap<String, Occurs> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters
        .filter(|parameter| parameter["in"] == "query")
        .filter_map(|parameter| {
            let occurs = if parameter["schema"]["type"] == "array" {
                Occurs::Often
            } else {
                Occurs::Once
            };
            parameter["name"].as_str().map(|name| (name.to_owned(), occurs))
        })
        .collect()
}

fn matches(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(name), Some(value)) if name == value || (name.starts_with('{') && !value.is_empty()) => {}
            _ => return false,
        }
    }
}
