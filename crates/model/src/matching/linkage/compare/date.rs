//! Dates, as packed decimals: one hexadecimal digit for each decimal one.

use super::super::level::Level;

/// Bits of a digit.
const DIGIT: u32 = 4;

pub(super) fn date(one: u32, two: u32) -> Level {
    let (day_one, day_two) = (one & 0xffff, two & 0xffff);
    if day_one == 0 || day_two == 0 {
        return if one >> 16 == two >> 16 { Level::Part } else { Level::Different };
    }
    let apart = digits_apart(one, two);
    if apart == 1 || one_transposition(one, two) || day_and_month_swapped(one, two) {
        return Level::Near;
    }
    let parts = [one >> 16 == two >> 16, one >> 8 & 0xff == two >> 8 & 0xff, one & 0xff == two & 0xff];
    let same = parts.iter().filter(|same| **same).count();
    if same == 2 || apart == 2 {
        Level::Similar
    } else if months(one).abs_diff(months(two)) <= 12 {
        Level::Far
    } else {
        Level::Different
    }
}

fn digits_apart(one: u32, two: u32) -> usize {
    let apart = one ^ two;
    (0..8).filter(|digit| apart >> (digit * DIGIT) & 0xf != 0).count()
}

/// Whether two neighbouring digits are in each other's place and the others the same.
fn one_transposition(one: u32, two: u32) -> bool {
    (0..7).any(|digit| {
        let at = digit * DIGIT;
        let pair = one >> at & 0xff;
        let swapped = (pair & 0xf) << 4 | pair >> 4;
        one & !(0xff << at) | swapped << at == two
    })
}

fn day_and_month_swapped(one: u32, two: u32) -> bool {
    one >> 16 == two >> 16 && one >> 8 & 0xff == two & 0xff && one & 0xff == two >> 8 & 0xff
}

/// Months since the year zero.
fn months(date: u32) -> u32 {
    let decimal = |packed: u32, digits: u32| (0..digits).rev().fold(0, |value, digit| value * 10 + (packed >> (digit * DIGIT) & 0xf));
    decimal(date >> 16, 4) * 12 + decimal(date >> 8 & 0xff, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_mistyped_in_typical_ways() {
        for (one, two, expected) in [
            (0x1990_0521, 0x1990_0522, Level::Near),
            (0x1990_0521, 0x1990_0512, Level::Near),
            (0x1990_0521, 0x1909_0521, Level::Near),
            (0x1990_0509, 0x1990_0905, Level::Near),
            (0x1990_0521, 0x1972_0521, Level::Similar),
            (0x1990_0521, 0x1990_0624, Level::Similar),
            (0x1990_0521, 0x1990_0634, Level::Far),
            (0x1990_0521, 0x1990_0000, Level::Part),
            (0x1990_0521, 0x1991_0000, Level::Different),
            (0x1990_1221, 0x1991_0103, Level::Far),
            (0x1990_0521, 0x1975_1103, Level::Different),
        ] {
            assert_eq!(date(one, two), expected, "{one:x} {two:x}");
            assert_eq!(date(two, one), expected, "{two:x} {one:x}");
        }
    }
}
