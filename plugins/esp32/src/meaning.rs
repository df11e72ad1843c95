//! From a press and its binding to a deed: pure.

use kairos_core::command::{Action, Binding, Deed, When};
use kairos_core::event::Verb;

use crate::decode::Press;

/// An age nobody can have: the press counts at its arrival, and its time as estimated.
const NO_AGE: When = When::Before(i64::MAX);

/// The binding of a press, if its button and trigger have one.
#[must_use]
pub fn binding<'a>(bindings: &'a [Binding], press: &Press) -> Option<&'a Binding> {
    bindings.iter().find(|binding| binding.button == press.button && binding.trigger == press.trigger)
}

/// The deed a binding makes of a press; `None` when it only shows.
#[must_use]
pub fn deed(binding: &Binding, press: &Press) -> Option<Deed> {
    let verb = match binding.action {
        Action::Complete => Verb::Full,
        Action::Add => Verb::Add,
        Action::Partial => Verb::Partial,
        Action::Skip => Verb::Skip,
        Action::Undo => Verb::Undo,
        Action::RoutineStart | Action::RoutineNext | Action::Show => return None,
    };
    Some(Deed {
        habit: binding.habit.clone()?,
        verb,
        value: if matches!(verb, Verb::Add | Verb::Partial) { binding.value } else { None },
        date: None,
        when: match press.age_ms {
            Some(0) => When::Arrival,
            Some(age) => When::Before(age),
            None => NO_AGE,
        },
        undo_of: None,
        skip_reason: None,
        note: None,
        press_id: Some(press.id.clone()),
    })
}
