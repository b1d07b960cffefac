//! The service centre's tickets: JSON lines with nested values.

use super::report::SourceReport;
use super::{Day, Dice, dirt};
use crate::error::Result;
use crate::sample::project::write_whole;
use crate::sample::retail::world::Ticket;
use chrono::{NaiveDate, NaiveDateTime};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Writes all tickets on the first day; on the second those that are new or have moved on.
pub(crate) fn write(day: &Day<'_>) -> Result<Vec<SourceReport>> {
    let file = match day.before {
        None => file_of(crate::sample::retail::day_one()),
        Some(_) => second_day_file(),
    };
    let known: HashMap<&str, &Ticket> = (day.before.into_iter())
        .flat_map(|world| world.tickets.iter().map(|ticket| (ticket.number.as_str(), ticket)))
        .collect();
    let mut file = Lines::new(file);
    let mut dice = day.dice(&file.report.file);
    let fresh = day.now.tickets.iter().filter(|t| known.get(t.number.as_str()) != Some(t));
    for (place, ticket) in fresh.enumerate() {
        let object = object(ticket, &mut dice);
        file.put(&object.to_string());
        match place % 180 {
            20 => {
                file.report.duplicates += 1;
                file.put(&object.to_string());
            }
            40 => spoil(&mut file, object, &mut dice),
            _ => {}
        }
    }
    write_whole(&day.folder.join(&file.report.file), file.text.as_bytes())?;
    Ok(vec![file.report])
}

/// The file of the second day.
pub(super) fn second_day_file() -> String {
    file_of(crate::sample::retail::day_two())
}

fn file_of(date: NaiveDate) -> String {
    format!("sources/service/tickets_{date}.jsonl")
}

/// Lines under way.
struct Lines {
    text: String,
    report: SourceReport,
}

impl Lines {
    fn new(file: String) -> Self {
        Self { text: String::new(), report: SourceReport::new("ticket", file) }
    }

    fn put(&mut self, line: &str) {
        self.report.rows += 1;
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn put_bad(&mut self, line: &str, column: Option<&'static str>, why: &'static str) {
        self.report.reject(self.report.rows + 1, column, why);
        self.put(line);
    }
}

fn object(ticket: &Ticket, dice: &mut Dice) -> Value {
    let customer = ticket.customer.map_or(Value::Null, |key| {
        // some clients send the number as text
        let number = match dice.below(3) {
            0 => json!(key.number.to_string()),
            _ => json!(key.number),
        };
        json!({"system": dirt::cased(key.system.code(), dice), "number": number})
    });
    let satisfaction = match ticket.satisfaction {
        Some(mark) => json!(mark),
        // a mark that is none: the value becomes NULL, the row stays
        None if dice.per_mille(20) => json!(9),
        None => Value::Null,
    };
    json!({
        "ticket": dirt::cased(&ticket.number, dice),
        "opened_at": moment(ticket.opened_at),
        "resolved_at": ticket.resolved_at.map(moment),
        "channel": {"code": dirt::cased(ticket.channel, dice)},
        "customer": customer,
        "topic": dirt::spaced(ticket.topic, dice),
        "satisfaction": satisfaction,
    })
}

fn spoil(file: &mut Lines, mut object: Value, dice: &mut Dice) {
    match dice.below(4) {
        0 => {
            let line = object.to_string();
            let half: String = line.chars().take(line.chars().count() / 2).collect();
            file.put_bad(&half, None, "half an object");
        }
        1 => {
            object["opened_at"] = json!("2025-02-30T10:15:00Z");
            file.put_bad(&object.to_string(), Some("opened_at"), "impossible date");
        }
        2 => {
            object["channel"] = json!({"code": "pigeon"});
            file.put_bad(&object.to_string(), Some("channel_code"), "unknown code");
        }
        _ => {
            object["ticket"] = Value::Null;
            file.put_bad(&object.to_string(), Some("ticket_no"), "no number");
        }
    }
}

fn moment(moment: NaiveDateTime) -> String {
    moment.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
