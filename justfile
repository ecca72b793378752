# Recipes of Census. None is needed: the README's two commands are plain cargo.

# Lists the recipes.
default:
    @just --list --unsorted

# Runs the whole product in this process, without brokers.
run *flags:
    cargo run --release -- {{ flags }}

# Starts RabbitMQ and Kafka natively, installing what is missing.
up *flags:
    .ci/brokers up {{ flags }}

# Stops what `up` started.
down *flags:
    .ci/brokers down {{ flags }}

# A mail server for a look at mails: prints each as a line of JSON, until Ctrl-D.
mail-server *flags:
    .ci/mail-server {{ flags }}

# Runs the API over the brokers.
api *flags:
    cargo run --release -p api -- --profile brokers {{ flags }}

# Runs a workers process over the brokers.
workers *flags:
    cargo run --release -p workers -- --profile brokers {{ flags }}

# Runs all tests; brokers come and go by themselves.
test *flags:
    cargo test --workspace {{ flags }}

# Lets it storm: faults of all kinds against real processes and brokers, and one checker in the end. Replays CENSUS_CHAOS_SEED.
chaos minutes="10":
    CENSUS_CHAOS_MINUTES={{ minutes }} cargo test -p api -p workers --test it chaos::a_storm -- --nocapture

# Measures every case, each beside its limit; names of cases as arguments choose among them.
bench *flags:
    cargo bench -p api -- {{ flags }}

# A look at every case within minutes.
bench-short *flags:
    cargo bench -p api -- --short {{ flags }}

# Everything that must hold before a change lands.
check:
    .ci/run

# Proves the contract from the outside: `just clients lint`, `just clients all`.
clients *steps:
    .ci/clients/run {{ steps }}

# Writes the specification after a change of the contract.
openapi:
    cargo run --quiet -p api -- openapi > openapi.yaml

# Runs the product with Docker.
compose:
    docker compose up --build
