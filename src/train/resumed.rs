//! Whether the parts of a checkpoint belong together: its checksum tells of damage, not of a file that
//! was put together otherwise.

use crate::config::TrainConfig;
use crate::fit::checkpoint::{Header, State};
use tch::Tensor;

/// What does not fit the training `t` with the held-out observations `heldout` [n, D], if anything.
pub(super) fn misfit(
    header: &Header,
    state: &State,
    t: &TrainConfig,
    heldout: &Tensor,
) -> Option<String> {
    if header.step > t.steps {
        return Some(format!("step {}, and the run has {}", header.step, t.steps));
    }
    let held = heldout.size();
    let other = |found: &Option<Tensor>, shape: [i64; 2]| {
        let found = found.as_ref().map(Tensor::size).filter(|s| *s != shape)?;
        Some(format!("{found:?} values where the run has {shape:?}"))
    };
    let made_for = t.warm_start..=header.step;
    let steps = &header.pool;
    if steps.len() > t.pool || !steps.iter().all(|s| made_for.contains(s)) {
        return Some(format!(
            "transported batches of steps {steps:?}, which the run does not have"
        ));
    }
    if steps.is_empty() != state.pool.is_none() {
        return Some("its transported batches and their steps are not both there".to_owned());
    }
    let rows = steps.len() as i64 * t.batch as i64;
    other(&state.restored, [held[0], held[1]]).or_else(|| other(&state.pool, [rows, held[1]]))
}
