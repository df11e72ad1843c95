//! What is made beside the door, such as accounts and tokens, under the same promise: one id, one deed.

use kairos_core::command::{Receipt, Rejection};
use kairos_core::ids::CommandId;
use kairos_core::principal::Principal;
use sha2::{Digest, Sha256};

use super::applied;
use crate::store::{StoreError, Tx};

/// A wish that is carried out once, however often it is sent.
///
/// Its answer held a secret, which is not kept: a repetition hears that it was done.
pub(crate) struct Once {
    author: String,
    id: CommandId,
    print: Vec<u8>,
}

impl Once {
    /// A wish under an id. `asked` tells a repetition from an id used twice, and is stored as a hash: no secrets in it.
    pub(crate) fn new(by: &Principal, id: CommandId, asked: &str) -> Self {
        Self { author: by.author(), id, print: Sha256::digest(asked.as_bytes())[..16].to_vec() }
    }

    /// Notes that it is being done. Belongs into the transaction that does it.
    ///
    /// # Errors
    /// A [`Rejection`] when it was done before, or when its id was used for something else.
    pub(crate) fn begin(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        match tx.answer::<Receipt>(&self.author, self.id.as_str())? {
            Some((print, _)) if print == self.print => Err(Rejection::already_done().into()),
            Some(_) => Err(Rejection::reused().into()),
            None => tx.remember(&self.author, self.id.as_str(), &self.print, &applied(0)),
        }
    }
}
