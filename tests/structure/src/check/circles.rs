//! No circle between the modules of a crate.

use std::collections::{BTreeMap, BTreeSet};

use crate::breach::Breach;
use crate::modules::{Circle, circles_of, uses_of};
use crate::survey::Survey;
use crate::workspace::TargetUse;

/// Every circle of every library and program.
pub(crate) fn circles(survey: &Survey) -> Vec<(String, Circle)> {
    let house = &survey.house;
    let units = house.ids().filter(|id| house.unit(*id).purpose != TargetUse::Trial);
    units
        .flat_map(|id| {
            let package = house.unit(id).package.clone();
            circles_of(house, id).into_iter().map(move |circle| (package.clone(), circle))
        })
        .collect()
}

pub(crate) fn check(survey: &Survey) -> Vec<Breach> {
    let mut stale: BTreeSet<&String> = survey.rules.known_circles.keys().collect();
    let mut breaches = Vec::new();
    for (package, circle) in circles(survey) {
        let above = survey.house.module(circle.parent).path.join("::");
        let key = format!("{package}::{above}");
        stale.remove(&key);
        if !survey.rules.known_circles.contains_key(&key) {
            breaches.push(breach(survey, &package, &circle));
        }
    }
    breaches.extend(stale.into_iter().map(|key| Breach {
        rule: "circles",
        file: "tests/structure/layers.toml".to_owned(),
        line: 0,
        message: format!("there is no circle below {key} any more"),
        advice: "take the entry out of known_circles".to_owned(),
    }));
    for roof in &survey.rules.roofs {
        breaches.extend(under_roof(survey, roof));
    }
    breaches
}

/// Files that use the roof of their crate.
fn under_roof(survey: &Survey, roof: &str) -> Vec<Breach> {
    let house = &survey.house;
    let Some((package, name)) = roof.split_once("::") else { return Vec::new() };
    let units = house.ids().filter(|id| house.unit(*id).package == package);
    let uses = units.flat_map(|id| uses_of(house, id));
    let is_roof = |id| house.module(id).path.first().is_some_and(|first| first == name);
    let mut files: BTreeMap<String, (usize, BTreeSet<String>)> = BTreeMap::new();
    for each in uses.filter(|each| is_roof(each.to) && !is_roof(each.from)) {
        let file = house.module(each.from).file.clone();
        let (_, items) = files.entry(file).or_insert((each.line, BTreeSet::new()));
        items.insert(each.item);
    }
    let breach = |(file, (line, items)): (String, (usize, BTreeSet<String>))| Breach {
        rule: "circles",
        file,
        line,
        message: format!(
            "uses the roof {roof}: {}",
            items.into_iter().collect::<Vec<_>>().join(", ")
        ),
        advice: "the roof puts the crate together: move what is shared below it".to_owned(),
    };
    files.into_iter().map(breach).collect()
}

fn breach(survey: &Survey, package: &str, circle: &Circle) -> Breach {
    let house = &survey.house;
    let parent = house.module(circle.parent);
    let own = parent.path.last().map_or("the crate root", String::as_str);
    let shown =
        |room: &str| if room.is_empty() { format!("{own} itself") } else { room.to_owned() };
    let rooms: Vec<String> = circle.rooms.iter().map(|room| shown(room)).collect();
    let mut message = format!(
        "circle in {package}, below {}: {}",
        house.name_of(circle.parent),
        rooms.join(", ")
    );
    for edge in &circle.edges {
        let example = &edge.example;
        let file = &house.module(example.from).file;
        message.push_str(&format!(
            "\n{} -> {}: {file}:{} uses {}::{} ({} such)",
            shown(&edge.from),
            shown(&edge.to),
            example.line,
            house.name_of(example.to),
            example.item,
            edge.count
        ));
    }
    Breach {
        rule: "circles",
        file: parent.file.clone(),
        line: 0,
        message,
        advice: "move what both sides need into a module below them, \
                 or move the item to the side that uses it"
            .to_owned(),
    }
}
