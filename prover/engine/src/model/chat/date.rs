//! Dates as `strftime` writes them, for templates that tell the model which day it is.

/// Seconds of a day.
const DAY: u64 = 86_400;

const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A point in time of the proleptic Gregorian calendar, in UTC.
struct Date {
    year: u64,
    /// Month of the year, January being 0.
    month: usize,
    /// Day of the month, the first being 1.
    day: u64,
    /// Days of this year that are over.
    day_of_year: u64,
    /// Day of the week, Monday being 0.
    weekday: usize,
    second: u64,
}

impl Date {
    fn new(unix: u64) -> Self {
        let days = unix / DAY;
        let (mut year, mut day) = (1970, days);
        let leap = |year: u64| {
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
        };
        while day >= 365 + u64::from(leap(year)) {
            day -= 365 + u64::from(leap(year));
            year += 1;
        }
        let day_of_year = day;
        let february = 28 + u64::from(leap(year));
        let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 0;
        while day >= lengths[month] {
            day -= lengths[month];
            month += 1;
        }
        // The first day of 1970 was a Thursday.
        let weekday = usize::try_from((days + 3) % 7).unwrap_or(0);
        Self { year, month, day: day + 1, day_of_year, weekday, second: unix % DAY }
    }

    /// What a letter stands for; `None` for one that is not supported.
    fn field(&self, letter: char, padded: bool) -> Option<String> {
        let two = |n: u64| if padded { format!("{n:02}") } else { n.to_string() };
        let (hour, minute) = (self.second / 3600, self.second / 60 % 60);
        let month = u64::try_from(self.month).unwrap_or(0) + 1;
        let nested = |format: &str| self.formatted(format).ok();
        Some(match letter {
            'Y' => self.year.to_string(),
            'y' => two(self.year % 100),
            'm' => two(month),
            'd' => two(self.day),
            'e' if padded => format!("{:>2}", self.day),
            'e' => self.day.to_string(),
            'j' if padded => format!("{:03}", self.day_of_year + 1),
            'j' => (self.day_of_year + 1).to_string(),
            'B' => MONTHS[self.month].to_owned(),
            'b' | 'h' => MONTHS[self.month][..3].to_owned(),
            'A' => DAYS[self.weekday].to_owned(),
            'a' => DAYS[self.weekday][..3].to_owned(),
            'u' => (self.weekday + 1).to_string(),
            'w' => ((self.weekday + 1) % 7).to_string(),
            'H' => two(hour),
            'I' => two((hour + 11) % 12 + 1),
            'M' => two(minute),
            'S' => two(self.second % 60),
            'p' => (if hour < 12 { "AM" } else { "PM" }).to_owned(),
            'F' => nested("%Y-%m-%d")?,
            'D' | 'x' => nested("%m/%d/%y")?,
            'T' | 'X' => nested("%H:%M:%S")?,
            'R' => nested("%H:%M")?,
            'c' => nested("%a %b %e %H:%M:%S %Y")?,
            // A time of Python without a zone has neither an offset nor a name.
            'z' | 'Z' => String::new(),
            'f' => "000000".to_owned(),
            'n' => "\n".to_owned(),
            't' => "\t".to_owned(),
            '%' => "%".to_owned(),
            _ => return None,
        })
    }

    fn formatted(&self, format: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let letter = chars.next();
            let (letter, padded) =
                if letter == Some('-') { (chars.next(), false) } else { (letter, true) };
            let field = letter.and_then(|letter| self.field(letter, padded));
            out.push_str(&field.ok_or_else(|| {
                format!("strftime_now: `%{}` is not supported", letter.unwrap_or(' '))
            })?);
        }
        Ok(out)
    }
}

/// The time so many seconds after the start of 1970, written in a format of `strftime`.
pub(super) fn strftime(unix: u64, format: &str) -> Result<String, String> {
    Date::new(unix).formatted(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_python() {
        let all =
            "%Y %y %m %d %e %j %B %b %A %a %u %w %H %I %M %S %p %F %D %T %R %% %-d %-m %-I %c";
        for (unix, expected) in [
            (
                0,
                "1970 70 01 01  1 001 January Jan Thursday Thu 4 4 00 12 00 00 AM 1970-01-01 01/01/70 00:00:00 00:00 % 1 1 12 Thu Jan  1 00:00:00 1970",
            ),
            (
                1_709_210_096,
                "2024 24 02 29 29 060 February Feb Thursday Thu 4 4 12 12 34 56 PM 2024-02-29 02/29/24 12:34:56 12:34 % 29 2 12 Thu Feb 29 12:34:56 2024",
            ),
            (
                1_798_761_599,
                "2026 26 12 31 31 365 December Dec Thursday Thu 4 4 23 11 59 59 PM 2026-12-31 12/31/26 23:59:59 23:59 % 31 12 11 Thu Dec 31 23:59:59 2026",
            ),
            (
                4_107_542_400,
                "2100 00 03 01  1 060 March Mar Monday Mon 1 1 00 12 00 00 AM 2100-03-01 03/01/00 00:00:00 00:00 % 1 3 12 Mon Mar  1 00:00:00 2100",
            ),
        ] {
            assert_eq!(strftime(unix, all).unwrap(), expected);
        }
        assert!(strftime(0, "%Q").unwrap_err().contains("`%Q` is not supported"));
        assert!(strftime(0, "%").is_err() && strftime(u64::from(u32::MAX), "%Y").is_ok());
    }
}
