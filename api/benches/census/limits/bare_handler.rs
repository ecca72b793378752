//! The limit of the accept: a poem-openapi handler that parses the same body and answers the same `202`, and stores
//! nothing; or, as the limit of its latency, writes and flushes a few pages and nothing more. It is served by a process
//! of its own, which is this program.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use api::contract::{EntityTag, Job, Shown, SubmitBody};
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::{Route, Server as PoemServer};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi, OpenApiService};
use shared::adapters::system::SystemClock;
use shared::job::{JobId, JobRequest, JobState, JobView, Labels, Progress, SubmitOrigin, SubmitRequest};
use shared::ports::Clock as _;

use super::flush::Flusher;
use crate::process::Server;

/// Starts the handler in a process of its own.
pub(crate) fn start() -> Server {
    let this = std::env::current_exe().expect("a running program knows its path");
    Server::start(Command::new(this).arg("--serve-bare"))
}

/// Starts one that writes to a new file, and flushes, before it answers.
pub(crate) fn start_flushing(file: &Path) -> Server {
    let this = std::env::current_exe().expect("a running program knows its path");
    Server::start(Command::new(this).arg("--serve-bare").arg("--flushing").arg(file))
}

/// Serves until killed, on as many threads as the product.
pub(crate) fn serve(flushing: Option<&Path>) -> ExitCode {
    let flusher = flushing.map(Flusher::start);
    let served = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .and_then(|runtime| runtime.block_on(listen(BareApi { flusher })));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

async fn listen(handler: BareApi) -> std::io::Result<()> {
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await?;
    let address = acceptor
        .local_addr()
        .first()
        .and_then(|address| address.as_socket_addr().copied());
    let address = address.expect("it was bound to an address of IPv4");
    writeln!(std::io::stdout(), "listens on http://{address} (bare)")?;
    let service = OpenApiService::new(handler, "bare", "1");
    PoemServer::new_with_acceptor(acceptor)
        .run(Route::new().nest("/", service))
        .await
}

struct BareApi {
    flusher: Option<Flusher>,
}

#[OpenApi]
impl BareApi {
    #[oai(path = "/submit", method = "post")]
    async fn submit(&self, body: Json<SubmitBody>) -> Accepted {
        let events = body.0.events.len() as u64;
        if let Some(flusher) = &self.flusher {
            flusher.flush().await;
        }
        let view = JobView {
            id: JobId::generate(),
            seq: 1,
            request: JobRequest::Submit(SubmitRequest {
                origin: SubmitOrigin::Events,
            }),
            state: JobState::Queued,
            revision: 1,
            retry_of: None,
            labels: Labels::default(),
            created_at: SystemClock.wall(),
            started_at: None,
            ended_at: None,
            expires_at: None,
            progress: Progress {
                received: events,
                ..Progress::default()
            },
            receipts: Vec::new(),
            attempts: Vec::new(),
            report: None,
            error: None,
        };
        let job = Job::new(&view, Shown::Whole, None);
        let location = job.links.itself.clone();
        let tag = EntityTag {
            epoch: 1,
            revision: view.revision,
        };
        Accepted::Accepted(Json(job), location.clone(), location, 1, tag.to_string())
    }
}

/// The answer to an accepted request, with the headers that Census gives it.
#[derive(ApiResponse)]
enum Accepted {
    #[oai(status = 202)]
    Accepted(
        Json<Job>,
        #[oai(header = "Location")] String,
        #[oai(header = "Content-Location")] String,
        #[oai(header = "Retry-After")] i64,
        #[oai(header = "ETag")] String,
    ),
}
