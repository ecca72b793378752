//! Tests of the API in one binary, so that it is linked once.

mod http;
