use super::Size;
use super::script::{Played, Script};
pub async fn play(_: &mut Script, _: &Size) -> Played {
    Ok(())
}
