//! Places in a list that two people may rearrange at once: text keys, of which there is always another between two.
//!
//! A key reads as the digits of a fraction, `0` to `9` and then `a` to `z`, and never ends in `0`, so keys sort as text
//! (in SQLite, Postgres and every client) as their fractions do. Moving one thing rewrites that thing's key alone.

/// The digits, in the order of their bytes.
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// A key longer than this is a sign of very many moves to one place: the list gets new keys, evenly spread.
const LONGEST: usize = 48;

/// A key between two others; `None` for an end stands for the end of the list.
///
/// Gives nothing when there is no room: the two are not in order, or one is not a key of ours.
#[must_use]
pub fn between(after: Option<&str>, before: Option<&str>) -> Option<String> {
    let low = digits(after.unwrap_or_default())?;
    let high = match before {
        Some(before) => Some(digits(before)?),
        None => None,
    };
    let fits = |key: Option<&str>| key.is_none_or(|key| !key.is_empty() && !key.ends_with('0'));
    if !fits(after) || !fits(before) || high.as_ref().is_some_and(|high| low >= *high) {
        return None;
    }
    Some(middle(&low, high.as_deref()).into_iter().map(|digit| char::from(DIGITS[digit])).collect())
}

fn digits(key: &str) -> Option<Vec<usize>> {
    key.bytes().map(|byte| DIGITS.iter().position(|digit| *digit == byte)).collect()
}

/// The digits of a fraction between two; the lower is below the upper, and neither ends in zero.
fn middle(low: &[usize], high: Option<&[usize]>) -> Vec<usize> {
    let mut made = Vec::new();
    let mut high = high;
    for place in 0.. {
        let below = low.get(place).copied().unwrap_or(0);
        let above = match high {
            // The upper one ends inside the lower one only where they differ, and then it is left behind.
            Some(high) => high.get(place).copied().unwrap_or(DIGITS.len()),
            None => DIGITS.len(),
        };
        if above == below {
            made.push(below);
            continue;
        }
        if above - below > 1 {
            made.push(usize::midpoint(below, above));
            break;
        }
        // Neighbours. The upper digit alone is between the two when the upper key goes on after it.
        if high.is_some_and(|high| high.len() > place + 1) {
            made.push(above);
            break;
        }
        made.push(below);
        high = None;
    }
    made
}

/// Keys for so many things, evenly spread and short.
#[must_use]
pub fn spread(count: usize) -> Vec<String> {
    let base = DIGITS.len();
    let mut room = base * base;
    let mut width = 2;
    while room <= count {
        room *= base;
        width += 1;
    }
    let key = |n: usize| {
        let mut number = (n + 1) * room / (count + 1);
        let mut key = vec![0_u8; width];
        for place in key.iter_mut().rev() {
            *place = DIGITS[number % base];
            number /= base;
        }
        String::from_utf8_lossy(&key).trim_end_matches('0').to_owned()
    };
    (0..count).map(key).collect()
}

/// Keys for things in the order they shall have, given the keys they had: as few as possible are new.
#[must_use]
pub fn arrange(had: &[Option<&str>]) -> Vec<String> {
    let keep = longest_rise(had);
    let mut keys: Vec<String> = Vec::with_capacity(had.len());
    for (place, key) in had.iter().enumerate() {
        let kept = key.filter(|_| keep.contains(&place)).map(str::to_owned);
        let next = keep.iter().find(|kept| **kept > place).and_then(|kept| had[*kept]);
        let after = keys.last().map(String::as_str);
        match kept.or_else(|| between(after, next)) {
            Some(key) if key.len() <= LONGEST => keys.push(key),
            _ => return spread(had.len()),
        }
    }
    if keep.is_empty() { spread(had.len()) } else { keys }
}

/// The places of the longest run of keys of ours that rises already.
fn longest_rise(had: &[Option<&str>]) -> Vec<usize> {
    let ours = |key: &str| !key.is_empty() && !key.ends_with('0') && key.len() <= LONGEST && digits(key).is_some();
    // The best run that ends at each place: its length, and the place before.
    let mut best: Vec<Option<(usize, Option<usize>)>> = Vec::with_capacity(had.len());
    for (place, key) in had.iter().enumerate() {
        let run = key.filter(|key| ours(key)).map(|key| {
            let before = (0..place)
                .filter_map(|earlier| Some((best[earlier]?.0, earlier)).filter(|_| had[earlier] < Some(key)))
                .max();
            (before.map_or(1, |(length, _)| length + 1), before.map(|(_, earlier)| earlier))
        });
        best.push(run);
    }
    let mut at = (0..had.len()).filter(|place| best[*place].is_some()).max_by_key(|place| best[*place]);
    let mut places = Vec::new();
    while let Some(place) = at {
        places.push(place);
        at = best[place].and_then(|(_, before)| before);
    }
    places.reverse();
    places
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_table_of_middles() {
        for (low, high, expected) in [
            (None, None, "i"),
            (Some("i"), None, "r"),
            (None, Some("i"), "9"),
            (Some("a"), Some("b"), "ai"),
            (Some("a"), Some("b1"), "b"),
            (Some("az"), Some("b"), "azi"),
            (Some("ai"), Some("ak"), "aj"),
            (None, Some("1"), "0i"),
            (None, Some("01"), "00i"),
            (Some("a"), Some("a1"), "a0i"),
            (Some("z"), None, "zi"),
            (Some("a5"), Some("b"), "ak"),
        ] {
            assert_eq!(between(low, high).as_deref(), Some(expected), "{low:?} {high:?}");
        }
        for (low, high) in [
            (Some("b"), Some("a")),
            (Some("a"), Some("a")),
            (Some("A"), None),
            (Some("a0"), None),
            (None, Some("0")),
            (Some(""), None),
            (None, Some("é")),
        ] {
            assert_eq!(between(low, high), None, "{low:?} {high:?}");
        }
    }

    #[test]
    fn moving_one_thing_rewrites_one_key() {
        let keys = spread(5);
        let had: Vec<Option<&str>> = [3, 0, 1, 2, 4].iter().map(|n| Some(keys[*n].as_str())).collect();
        let arranged = arrange(&had);
        assert_eq!(arranged[1..], [keys[0].as_str(), &keys[1], &keys[2], &keys[4]]);
        // One more at the end, one in the middle, and one fewer.
        let had = [Some(keys[0].as_str()), None, Some(&keys[1]), Some(&keys[3]), None];
        let arranged = arrange(&had);
        assert_eq!([&arranged[0], &arranged[2], &arranged[3]], [&keys[0], &keys[1], &keys[3]]);
    }

    #[test]
    fn a_place_that_is_moved_to_for_ever_gets_new_keys_in_time() {
        let mut keys = spread(3);
        for _ in 0..2000 {
            let had = [Some(keys[0].as_str()), Some(keys[2].as_str()), Some(keys[1].as_str())];
            keys = arrange(&had);
            assert!(keys.is_sorted() && keys.iter().all(|key| key.len() <= LONGEST), "{keys:?}");
        }
    }

    proptest! {
        #[test]
        fn there_is_always_a_key_between(picks in prop::collection::vec(any::<prop::sample::Index>(), 1..200)) {
            let mut keys: Vec<String> = Vec::new();
            for pick in picks {
                let place = pick.index(keys.len() + 1);
                let after = place.checked_sub(1).map(|before| keys[before].as_str());
                let key = between(after, keys.get(place).map(String::as_str)).unwrap();
                prop_assert!(!key.ends_with('0'));
                keys.insert(place, key);
                prop_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{keys:?}");
            }
        }

        #[test]
        fn any_keys_are_arranged_into_rising_ones(had in prop::collection::vec(prop::option::of("[0-9a-zA-Z]{0,4}"), 0..60)) {
            let had: Vec<Option<&str>> = had.iter().map(Option::as_deref).collect();
            let keys = arrange(&had);
            prop_assert_eq!(keys.len(), had.len());
            prop_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", keys);
            prop_assert!(keys.iter().all(|key| !key.is_empty() && !key.ends_with('0')));
            prop_assert_eq!(arrange(&keys.iter().map(|key| Some(key.as_str())).collect::<Vec<_>>()), keys);
        }

        #[test]
        fn spread_keys_rise(count in 0_usize..5000) {
            let keys = spread(count);
            prop_assert_eq!(keys.len(), count);
            prop_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
