//! The member `mail_to`: the recipients of a report, each of whom has to be allowed.

use serde_json::value::RawValue;
use shared::event::{FaultCode, RawText};
use shared::job::ReportRequest;
use shared::mail::{AllowedRecipients, MailAddress};

use super::body::Faults;
use super::members::{each_element, text, type_name};

const POINTER: &str = "#/mail_to";

/// The recipients, none twice. One address may stand without its array.
pub(super) fn mail_to(
    value: &RawValue,
    allowed: &AllowedRecipients,
    faults: &mut Faults,
) -> Vec<MailAddress> {
    let mut recipients = Vec::new();
    match type_name(value) {
        "a string" => recipients.extend(recipient(value, POINTER, allowed, faults)),
        "an array" => {
            let mut count = 0;
            let read = each_element(value.get(), |value| {
                let pointer = format!("{POINTER}/{count}");
                count += 1;
                if count > ReportRequest::MAIL_TO_MAX {
                    return false;
                }
                recipients.extend(recipient(value, &pointer, allowed, faults));
                true
            });
            // The syntax was checked with the whole body.
            if read.is_err() || count > ReportRequest::MAIL_TO_MAX {
                let detail = format!("must hold at most {} addresses", ReportRequest::MAIL_TO_MAX);
                faults.add(POINTER, FaultCode::BadLength, detail);
            }
        }
        other => {
            let detail = format!("must be an array of addresses, not {other}");
            faults.add(POINTER, FaultCode::WrongType, detail);
        }
    }
    let mut seen = Vec::new();
    recipients.retain(|recipient| {
        let first = !seen.contains(recipient);
        seen.push(recipient.clone());
        first
    });
    recipients
}

fn recipient(
    value: &RawValue,
    pointer: &str,
    allowed: &AllowedRecipients,
    faults: &mut Faults,
) -> Option<MailAddress> {
    let text = match text(value) {
        RawText::Text(text) => text,
        RawText::Bad(why) => {
            faults.add(pointer, FaultCode::BadJson, why);
            return None;
        }
        RawText::Absent | RawText::Other(_) => {
            let detail = format!("must be a string, not {}", type_name(value));
            faults.add(pointer, FaultCode::WrongType, detail);
            return None;
        }
    };
    match text.parse::<MailAddress>() {
        Ok(address) if allowed.contains(&address) => Some(address),
        Ok(address) => {
            let detail = format!(
                "no mail may be sent to {address}; the operator allows recipients with CENSUS_MAIL_ALLOW"
            );
            faults.add(pointer, FaultCode::RecipientNotAllowed, detail);
            None
        }
        Err(fault) => {
            faults.add(pointer, FaultCode::BadValue, fault.to_string());
            None
        }
    }
}
