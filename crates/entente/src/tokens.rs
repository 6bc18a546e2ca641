//! API tokens: made once, shown once, kept as SHA-256.

use entente_model::clock::Timestamp;
use entente_store::{Store, StoreError};
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

/// Begins every token, so that secret scanners find one that was published by mistake.
const PREFIX: &str = "ent_";

/// Settings with this beginning are tokens: the rest of the key is the token's hash.
const SETTING: &str = "api_token/";

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Name its owner gave it.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A token with its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The token.
    #[serde(flatten)]
    pub token: Token,
    /// Start of its hash, to tell two of one name apart.
    pub fingerprint: String,
}

/// Makes a token. The answer is the only time its text is seen.
///
/// # Errors
/// When the name is taken, the system has no randomness, or the store fails.
pub async fn create(store: &Store, name: &str, now: Timestamp) -> Result<String, StoreError> {
    let mut bytes = [0_u8; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| StoreError::Invalid("the system has no secure randomness".into()))?;
    let mut more = [0_u8; 16];
    SystemRandom::new().fill(&mut more).map_err(|_| StoreError::Invalid("the system has no secure randomness".into()))?;
    let text = format!(
        "{PREFIX}{}{}",
        entente_model::id::encode(u128::from_be_bytes(bytes)),
        entente_model::id::encode(u128::from_be_bytes(more))
    );
    let (key, token) = (setting(&text), Token { name: name.to_owned(), created_at: now });
    let wanted = name.to_owned();
    store
        .write(move |tx| {
            if tx.settings(SETTING)?.values().any(|kept| kept["name"] == wanted.as_str()) {
                return Err(StoreError::Invalid(format!(
                    "there is a token named `{wanted}` already; revoke it first or choose another name"
                )));
            }
            tx.put_setting(&key, &token)
        })
        .await?;
    Ok(text)
}

/// All tokens, by name.
///
/// # Errors
/// When the store fails.
pub async fn list(store: &Store) -> Result<Vec<Listed>, StoreError> {
    let kept = store.read(|tx| tx.settings(SETTING)).await?;
    let mut tokens = Vec::with_capacity(kept.len());
    for (key, value) in kept {
        let token: Token =
            serde_json::from_value(value).map_err(|error| StoreError::Corrupt { what: format!("setting {key}: {error}") })?;
        let fingerprint = key.trim_start_matches(SETTING).chars().take(8).collect();
        tokens.push(Listed { token, fingerprint });
    }
    tokens.sort_by(|a, b| a.token.name.cmp(&b.token.name));
    Ok(tokens)
}

/// Ends a token by its name. Answers whether there was one.
///
/// # Errors
/// When the store fails.
pub async fn revoke(store: &Store, name: &str) -> Result<bool, StoreError> {
    let name = name.to_owned();
    store
        .write(move |tx| {
            let key = tx.settings(SETTING)?.into_iter().find(|(_, kept)| kept["name"] == name.as_str()).map(|(key, _)| key);
            match key {
                Some(key) => tx.delete_setting(&key),
                None => Ok(false),
            }
        })
        .await
}

/// The token of this text, if it is one. Looking its hash up gives nothing away by its timing.
///
/// # Errors
/// When the store fails.
pub async fn find(store: &Store, text: &str) -> Result<Option<Token>, StoreError> {
    let key = setting(text.trim());
    store.read(move |tx| tx.setting::<Token>(&key)).await
}

/// Whether there is any token.
///
/// # Errors
/// When the store fails.
pub async fn any(store: &Store) -> Result<bool, StoreError> {
    Ok(!store.read(|tx| tx.settings(SETTING)).await?.is_empty())
}

fn setting(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{SETTING}{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use entente_store::{MasterKey, StoreOptions, StoreUrl};

    #[tokio::test]
    async fn a_token_is_known_until_it_is_revoked_and_never_kept_as_text() {
        let store = Store::open(&StoreUrl::Temporary, StoreOptions::new(MasterKey::generate().unwrap())).await.unwrap();
        assert!(!any(&store).await.unwrap());
        let text = create(&store, "laptop", Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!(find(&store, &text).await.unwrap().unwrap().name, "laptop");
        assert_eq!(find(&store, "ent_guess").await.unwrap(), None);
        assert!(create(&store, "laptop", Timestamp::UNIX_EPOCH).await.is_err());
        let kept = store.read(|tx| tx.settings("")).await.unwrap();
        assert!(!serde_json::to_string(&kept).unwrap().contains(&text));
        assert!(revoke(&store, "laptop").await.unwrap());
        assert_eq!(find(&store, &text).await.unwrap(), None);
        assert!(!revoke(&store, "laptop").await.unwrap());
    }
}
