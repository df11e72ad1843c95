//! From a press and its binding to a wish: pure.

use kairos_core::command::{Action, Binding, Deed, When, Wish};
use kairos_core::event::Verb;
use kairos_core::routine;

use crate::decode::Press;

/// An age nobody can have: the press counts at its arrival, and its time as estimated.
const NO_AGE: When = When::Before(i64::MAX);

/// The binding of a press, if its button and trigger have one.
#[must_use]
pub fn binding<'a>(bindings: &'a [Binding], press: &Press) -> Option<&'a Binding> {
    bindings.iter().find(|binding| binding.button == press.button && binding.trigger == press.trigger)
}

/// What a binding makes of a press; `None` when it only shows.
#[must_use]
pub fn wish(binding: &Binding, press: &Press) -> Option<Wish> {
    let routine = binding.routine.clone();
    Some(match binding.action {
        Action::RoutineStart => {
            Wish::Routine(routine::Wish::Start { routine: routine?, variant: None, when: when(press) })
        }
        Action::RoutineNext => Wish::Routine(routine::Wish::Next { routine: routine?, when: when(press) }),
        _ => Wish::Record(deed(binding, press)?),
    })
}

/// When it was pressed, as far as the button knows.
fn when(press: &Press) -> When {
    match press.age_ms {
        Some(0) => When::Arrival,
        Some(age) => When::Before(age),
        None => NO_AGE,
    }
}

/// The deed a binding makes of a press; `None` when it makes none.
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
        when: when(press),
        undo_of: None,
        skip_reason: None,
        note: None,
        press_id: Some(press.id.clone()),
    })
}
