//! What a person has already that a file tells of under another name.

use std::collections::{BTreeMap, BTreeSet};

use kairos_core::ids::UserId;
use kairos_core::row::Row;
use kairos_transfer::{Origin, Portable};

use super::contents::ListedHabit;

/// The habits that a person has from Loop: the reference of each by its name, where one name is one habit.
///
/// Loop's database knows habits by a uuid, its zip only by their names. Whichever came first, the other finds its habits
/// again by this.
#[derive(Debug, Clone, Default)]
pub struct Known {
    from_loop: BTreeMap<String, Option<String>>,
    /// The ids of all habits, by their names.
    named: BTreeMap<String, Vec<String>>,
}

/// How many habits are named of those whose name is in use.
const NAMED: usize = 3;

impl Known {
    /// Of a person's living habits.
    pub(super) fn of(user: &UserId, habits: &[Row]) -> Self {
        let (mut known, mut named) = (BTreeMap::new(), BTreeMap::<String, Vec<String>>::new());
        for habit in habits {
            named.entry(habit.text("name")).or_default().push(habit.id.clone());
            let reference = habit.text("import_ref");
            if Origin::Loop.habit_id(user, &reference).as_str() == habit.id {
                let several = known.contains_key(&habit.text("name"));
                known.insert(habit.text("name"), (!several).then_some(reference));
            }
        }
        Self { from_loop: known, named }
    }

    /// What is worth knowing of habits that come under a name which others have: they stand beside those.
    pub(super) fn remarks(&self, habits: &[ListedHabit]) -> Vec<String> {
        let beside = habits.iter().filter_map(|habit| {
            let name = habit.row.text("name");
            let there = self.named.get(&name)?;
            (!there.iter().any(|id| id == habit.id.as_str())).then_some(name)
        });
        let names: Vec<String> = beside.collect();
        let mut remarks: Vec<String> = names
            .iter()
            .take(NAMED)
            .map(|name| format!("You already have a habit called {name}; this one will stand beside it."))
            .collect();
        match names.len().saturating_sub(NAMED) {
            0 => {}
            1 => remarks.push("You already have a habit of one more name; that one, too, will stand beside it.".into()),
            more => remarks
                .push(format!("You already have habits of {more} more names; those, too, will stand beside them.")),
        }
        remarks
    }

    /// Names the habits of a file as those that are there are named.
    pub(super) fn rename(&self, portable: &mut Portable) {
        if portable.source != Origin::Loop {
            return;
        }
        let there: BTreeSet<&String> = self.from_loop.values().flatten().collect();
        let mut named: BTreeMap<String, usize> = BTreeMap::new();
        for habit in &portable.habits {
            *named.entry(habit.name().to_owned()).or_default() += 1;
        }
        for habit in &mut portable.habits {
            if !there.contains(&habit.reference)
                && named.get(habit.name()) == Some(&1)
                && let Some(Some(reference)) = self.from_loop.get(habit.name())
            {
                habit.reference.clone_from(reference);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kairos_core::command::Fields;
    use kairos_core::day::Date;
    use kairos_core::event::Verb;
    use kairos_core::ids::HabitId;
    use kairos_core::plan::Person;
    use kairos_core::schema::HABITS;
    use kairos_core::scope::Scope;
    use kairos_transfer::{PortableEntry, PortableHabit};

    use super::*;
    use crate::transfer::{Contents, read};

    fn ids(contents: Contents) -> BTreeSet<String> {
        let mut slices = contents.slices();
        let mut ids = BTreeSet::new();
        loop {
            let rows = slices.next().unwrap();
            if rows.is_empty() {
                return ids;
            }
            ids.extend(rows.into_iter().map(|row| row.id));
        }
    }

    #[test]
    fn the_zip_and_the_database_of_loop_bring_the_same_habits() {
        let ada = UserId::new("ada").unwrap();
        let date = Date::constant(2026, 1, 2);
        let habit = |reference: &str| PortableHabit {
            reference: reference.into(),
            fields: Fields::from([("name".to_owned(), "Read".into()), ("import_ref".to_owned(), reference.into())]),
            entries: vec![PortableEntry::new(date, Verb::Full)],
            scores: None,
        };
        let zip = Bytes::from(kairos_transfer::loop_zip(&[habit("any")], date).unwrap());
        let now = 1_800_000_000_000;
        let read = |known: &Known| ids(read("loop.zip", zip.clone(), &ada, (&Person::of(None), known), now).unwrap());
        let of_database: BTreeSet<String> = [
            Origin::Loop.habit_id(&ada, "uuid-1").to_string(),
            Origin::Loop.event_id(&ada, "uuid-1", date).to_string(),
        ]
        .into();
        let there = |id: &HabitId, reference: &str| {
            let mut row = Row::new(&HABITS, id.as_str(), Scope::Person(ada.clone()), ada.clone(), 1);
            row.columns.insert("name", "Read".into());
            row.columns.insert("import_ref", reference.into());
            row
        };
        let from_loop = there(&Origin::Loop.habit_id(&ada, "uuid-1"), "uuid-1");
        assert_eq!(read(&Known::of(&ada, std::slice::from_ref(&from_loop))), of_database);
        assert!(read(&Known::default()).is_disjoint(&of_database));
        let own = there(&HabitId::new("own").unwrap(), "uuid-1");
        assert!(read(&Known::of(&ada, &[own])).is_disjoint(&of_database), "a habit of one's own is not Loop's");
        let mut second = there(&Origin::Loop.habit_id(&ada, "uuid-2"), "uuid-2");
        second.columns.insert("name", "Read".into());
        assert!(read(&Known::of(&ada, &[from_loop, second])).is_disjoint(&of_database), "two of one name");
    }
}
