//! Salesforce ids: 15 characters that mind case, or 18 whose last three make case irrelevant.

const CHECK: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// The 18-character form of an id. A text that is no 15-character id comes back as it is.
pub(crate) fn to_18(id: &str) -> String {
    if id.len() != 15 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return id.to_owned();
    }
    let mut long = id.to_owned();
    for chunk in id.as_bytes().chunks(5) {
        let bits = chunk.iter().enumerate().fold(0_usize, |bits, (at, byte)| bits | (usize::from(byte.is_ascii_uppercase()) << at));
        long.push(char::from(CHECK[bits]));
    }
    long
}

/// Whether a text has the form of an id.
pub(crate) fn is_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Every id in a text, in its 18-character form: the vendor puts them into sentences.
pub(crate) fn in_text(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| {
            is_id(word) && word.starts_with(|c: char| c.is_ascii_alphanumeric()) && word.bytes().any(|byte| byte.is_ascii_digit())
        })
        .map(to_18)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ids_get_their_check_characters() {
        assert_eq!(to_18("001R0000005hDFY"), "001R0000005hDFYIA2");
        assert_eq!(to_18("001R0000005hDFYIA2"), "001R0000005hDFYIA2");
        assert_eq!(to_18("not an id"), "not an id");
    }

    #[test]
    fn ids_are_found_in_sentences() {
        let text = "duplicate value found: Entente_Id__c duplicates value on record with id: 001R0000005hDFY";
        assert_eq!(in_text(text), ["001R0000005hDFYIA2"]);
    }
}
