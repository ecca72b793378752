//! W3C trace context: one trace from the HTTP request over both brokers to the fold.

use std::fmt;
use std::str::FromStr;

use rand::RngExt;

use crate::chance;

/// A `traceparent` of version 00.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// Names the whole trace; never zero.
    pub trace_id: u128,
    /// Names the step that caused what carries this context; never zero.
    pub span_id: u64,
    /// Whether somebody upstream records the trace.
    pub sampled: bool,
}

impl TraceContext {
    /// A new trace.
    #[must_use]
    pub fn generate() -> Self {
        chance::draw(|random| Self {
            trace_id: random.random_range(1..=u128::MAX),
            span_id: random.random_range(1..=u64::MAX),
            sampled: false,
        })
    }

    /// The next step of the same trace.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            span_id: chance::draw(|random| random.random_range(1..=u64::MAX)),
            ..*self
        }
    }

    /// The trace's id as logs show it.
    #[must_use]
    pub fn trace_id_hex(&self) -> impl fmt::Display + use<> {
        let id = self.trace_id;
        fmt::from_fn(move |f| write!(f, "{id:032x}"))
    }

    /// The step's id as logs and problems show it.
    #[must_use]
    pub fn span_id_hex(&self) -> impl fmt::Display + use<> {
        let id = self.span_id;
        fmt::from_fn(move |f| write!(f, "{id:016x}"))
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{:032x}-{:016x}-{:02x}",
            self.trace_id,
            self.span_id,
            u8::from(self.sampled)
        )
    }
}

/// A header that is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent")]
pub struct TraceFault;

impl FromStr for TraceContext {
    type Err = TraceFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let mut part = |length: usize| {
            let part = parts.next().filter(|part| part.len() == length)?;
            part.bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
                .then_some(part)
        };
        let (Some(version), Some(trace), Some(span), Some(flags)) = (part(2), part(32), part(16), part(2))
        else {
            return Err(TraceFault);
        };
        let trace_id = u128::from_str_radix(trace, 16).map_err(|_| TraceFault)?;
        let span_id = u64::from_str_radix(span, 16).map_err(|_| TraceFault)?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| TraceFault)?;
        if version == "ff" || trace_id == 0 || span_id == 0 {
            return Err(TraceFault);
        }
        Ok(Self {
            trace_id,
            span_id,
            sampled: flags & 1 == 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_back_as_it_was_written() {
        let context = TraceContext::generate();
        assert_eq!(context.to_string().parse(), Ok(context));
        let child = context.child();
        assert_eq!(child.trace_id, context.trace_id);
        assert_ne!(child.span_id, context.span_id);
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        for text in [
            "",
            "00",
            "00-00000000000000000000000000000000-0123456789abcdef-01",
            "00-0123456789abcdef0123456789abcdef-0000000000000000-01",
            "ff-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
            "00-0123456789ABCDEF0123456789abcdef-0123456789abcdef-01",
            "00-+123456789abcdef0123456789abcdef-0123456789abcdef-01",
        ] {
            assert_eq!(text.parse::<TraceContext>(), Err(TraceFault), "{text}");
        }
    }
}
