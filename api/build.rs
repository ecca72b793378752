//! Unpacks Swagger UI from its release, so that `openapi/page.rs` can put it into the page `/docs`.

use std::error::Error;
use std::fs::File;
use std::io::{Cursor, copy};
use std::path::Path;

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

const FILES: [&str; 2] = ["swagger-ui-bundle.js", "swagger-ui.css"];

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script by the environment where to write"
)]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    let mut release = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    for file in FILES {
        let path = format!("/dist/{file}");
        let name = release.file_names().flatten().find(|name| name.ends_with(&path));
        let name = name
            .ok_or_else(|| format!("the release holds no {path}"))?
            .into_owned();
        copy(
            &mut release.by_name(&name)?,
            &mut File::create(Path::new(&folder).join(file))?,
        )?;
    }
    Ok(())
}
