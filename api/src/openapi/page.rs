//! Swagger UI over the specification, as one page that loads nothing.

use serde_json::Value;

// Unpacked by the build script.
const SCRIPT: &str = include_str!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js"));
const STYLE: &str = include_str!(concat!(env!("OUT_DIR"), "/swagger-ui.css"));

/// The page `/docs` over this document.
pub(crate) fn page(document: &Value) -> String {
    // What ends a script in one of its texts ends it too. The bundle has regular expressions like `/</g` besides.
    let script = SCRIPT.replace("</script", "<\\/script");
    let document = document.to_string().replace("</", "<\\/");
    format!(
        r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Census</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
<div id="ui"></div>
<script>{script}</script>
<script>
SwaggerUIBundle({{ dom_id: "#ui", spec: {document}, deepLinking: true, tryItOutEnabled: true, validatorUrl: null }})
</script>
</body>
</html>
"##
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::document;

    #[test]
    fn it_shows_the_cured_document_and_asks_for_nothing_elsewhere() {
        let page = page(&document());
        assert!(page.contains("application/problem+json"));
        assert!(page.contains("validatorUrl: null"), "no badge is asked for");
        assert_eq!(page.matches("</script>").count(), 2, "a text ends the script");
    }
}
