//! Integers of the contract: `int64` with bounds, at most 2⁵³−1 so that JavaScript reads them unharmed.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromParameter, ParseResult, Type};

/// 2⁵³−1.
pub const MAX_INTEGER: i64 = (1 << 53) - 1;

/// A count as the contract writes it.
#[must_use]
pub fn integer(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(MAX_INTEGER).min(MAX_INTEGER)
}

/// A parameter between `MIN` and `MAX`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounded<const MIN: i64, const MAX: i64>(pub i64);

impl<const MIN: i64, const MAX: i64> Type for Bounded<MIN, MAX> {
    const IS_REQUIRED: bool = true;

    type RawValueType = i64;
    type RawElementValueType = i64;

    fn name() -> Cow<'static, str> {
        format!("integer_{MIN}_{MAX}").into()
    }

    #[expect(clippy::cast_precision_loss, reason = "the bounds are at most 2⁵³−1")]
    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            minimum: Some(MIN as f64),
            maximum: Some(MAX as f64),
            ..MetaSchema::new_with_format("integer", "int64")
        }))
    }

    fn as_raw_value(&self) -> Option<&i64> {
        Some(&self.0)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a i64> + 'a> {
        Box::new(std::iter::once(&self.0))
    }
}

impl<const MIN: i64, const MAX: i64> ParseFromParameter for Bounded<MIN, MAX> {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        // `+5` is no integer of the contract, though Rust reads it.
        let digits = value.strip_prefix('-').unwrap_or(value);
        value
            .parse()
            .ok()
            .filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .filter(|number| (MIN..=MAX).contains(number))
            .map(Self)
            .ok_or_else(|| ParseError::custom(format!("`{value}` is not an integer from {MIN} to {MAX}")))
    }
}
