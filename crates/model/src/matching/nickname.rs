//! Given names and their short forms. Facts of everyday English (with a few German and Spanish ones), written down by us.

/// Names that one person goes by. The first is the full form; a short form may stand in several groups (`Bert`).
const GROUPS: &[&[&str]] = &[
    &["abigail", "abby", "abbie", "gail"],
    &["albert", "al", "bert", "bertie"],
    &["alexander", "alex", "al", "sandy", "sasha", "xander", "alec"],
    &["alexandra", "alex", "sandra", "sandy", "sasha", "lexi"],
    &["alfred", "alf", "alfie", "fred"],
    &["amanda", "mandy"],
    &["andrew", "andy", "drew"],
    &["anthony", "antony", "tony", "ant"],
    &["archibald", "archie"],
    &["arthur", "art", "artie"],
    &["augustus", "gus"],
    &["barbara", "barb", "babs"],
    &["benjamin", "ben", "benny", "benji"],
    &["bernard", "bernie"],
    &["catherine", "katherine", "katharine", "kathryn", "cathryn", "kate", "katie", "cathy", "kathy", "kit", "kitty"],
    &["charles", "charlie", "chuck", "chas"],
    &["charlotte", "charlie", "lottie", "lotte"],
    &["christine", "christina", "chris", "tina", "chrissie"],
    &["christopher", "chris", "kit", "topher"],
    &["daniel", "dan", "danny"],
    &["david", "dave", "davey"],
    &["deborah", "debra", "deb", "debbie"],
    &["donald", "don", "donny"],
    &["dorothy", "dot", "dottie", "dolly"],
    &["edward", "ed", "eddie", "ned", "ted", "teddy"],
    &["eleanor", "elinor", "ellie", "nell", "nora"],
    &["elizabeth", "elisabeth", "liz", "lizzie", "beth", "betty", "betsy", "eliza", "libby", "elsie", "lisa"],
    &["emily", "em", "emmy"],
    &["eugene", "gene"],
    &["florence", "flo", "florrie"],
    &["francis", "frank", "frankie", "fran"],
    &["frances", "fran", "frankie", "fanny"],
    &["francisco", "paco", "pancho", "cisco"],
    &["franklin", "frank"],
    &["frederick", "frederic", "fred", "freddie", "freddy", "rick"],
    &["friedrich", "fritz"],
    &["gabriel", "gabe"],
    &["gerald", "gerard", "gerry", "jerry"],
    &["gregory", "greg"],
    &["harold", "harry", "hal"],
    &["harriet", "hattie", "harry"],
    &["helen", "helena", "nell", "nellie", "lena"],
    &["henry", "harry", "hank", "hal"],
    &["herbert", "herb", "bert"],
    &["isabella", "isabelle", "isabel", "izzy", "bella", "belle"],
    &["jacob", "jake", "jakob"],
    &["jacqueline", "jackie"],
    &["james", "jim", "jimmy", "jamie"],
    &["jeffrey", "geoffrey", "jeff", "geoff"],
    &["jennifer", "jen", "jenny", "jenna"],
    &["jessica", "jess", "jessie"],
    &["johannes", "hans", "johann"],
    &["john", "jack", "johnny", "jon"],
    &["jonathan", "jon", "jonny", "nathan"],
    &["jose", "pepe"],
    &["joseph", "joe", "joey"],
    &["joshua", "josh"],
    &["joanna", "johanna", "jo", "joan"],
    &["josephine", "jo", "josie"],
    &["judith", "judy", "jude"],
    &["kenneth", "ken", "kenny"],
    &["lawrence", "laurence", "larry", "laurie"],
    &["leonard", "leo", "len", "lenny"],
    &["louis", "lewis", "lou", "louie"],
    &["louise", "lou", "lulu"],
    &["lucas", "luke", "lukas"],
    &["madeline", "madeleine", "maddie", "maddy"],
    &["margaret", "maggie", "meg", "peggy", "peg", "greta", "marge", "daisy", "rita"],
    &["martin", "marty"],
    &["mary", "molly", "polly", "mamie", "maria", "marie"],
    &["matilda", "tilly", "tilda", "mattie"],
    &["matthew", "matt", "matty"],
    &["maxwell", "maximilian", "max"],
    &["michael", "mike", "mick", "mickey", "mikey"],
    &["mildred", "millie", "milly"],
    &["nancy", "nan"],
    &["nathaniel", "nathan", "nate", "nat"],
    &["nicholas", "nicolas", "nick", "nicky", "nico"],
    &["olivia", "liv", "livvy", "olive"],
    &["oliver", "ollie", "olly"],
    &["pamela", "pam"],
    &["patricia", "pat", "patty", "tricia", "trish"],
    &["patrick", "pat", "paddy", "rick"],
    &["peter", "pete"],
    &["philip", "phillip", "phil", "pip"],
    &["raymond", "ray"],
    &["rebecca", "becky", "becca"],
    &["reginald", "reg", "reggie"],
    &["richard", "dick", "rick", "ricky", "rich", "richie"],
    &["robert", "bob", "bobby", "rob", "robbie", "bert"],
    &["roger", "rodger"],
    &["ronald", "ron", "ronnie"],
    &["rosemary", "rose", "rosie"],
    &["russell", "russ"],
    &["samantha", "sam", "sammy"],
    &["samuel", "sam", "sammy"],
    &["sarah", "sara", "sally", "sadie"],
    &["sebastian", "seb", "bastian"],
    &["sidney", "sydney", "sid", "syd"],
    &["sophia", "sophie", "sofia", "sofie"],
    &["stanley", "stan"],
    &["stephanie", "steph", "steffi"],
    &["stephen", "steven", "steve", "stevie", "stefan"],
    &["susan", "suzanne", "sue", "susie", "suzie"],
    &["teresa", "theresa", "terry", "tess", "tessa"],
    &["terence", "terrence", "terry"],
    &["theodore", "ted", "teddy", "theo"],
    &["thomas", "tom", "tommy"],
    &["timothy", "tim", "timmy"],
    &["tobias", "toby"],
    &["ursula", "ulla"],
    &["valerie", "val"],
    &["victor", "vic"],
    &["victoria", "vicky", "vicki", "tori"],
    &["vincent", "vince", "vinnie"],
    &["virginia", "ginny", "ginger"],
    &["walter", "walt", "wally"],
    &["wilhelmina", "mina", "minnie"],
    &["william", "bill", "billy", "will", "willy", "liam"],
    &["winifred", "winnie", "freda"],
    &["zachary", "zach", "zack", "zak"],
];

/// Groups that one name can stand in.
pub(super) const GROUPS_OF_A_NAME: usize = 3;

/// The groups of a folded given name, counted from one; zero fills up.
pub(super) fn groups(name: &str) -> [u16; GROUPS_OF_A_NAME] {
    let mut found = [0; GROUPS_OF_A_NAME];
    let in_order = GROUPS.iter().zip(1u16..).filter(|(group, _)| group.contains(&name)).map(|(_, number)| number);
    for (place, number) in found.iter_mut().zip(in_order) {
        *place = number;
    }
    found
}

/// Whether names with these groups can be forms of one name.
pub(super) fn share(one: [u16; GROUPS_OF_A_NAME], two: [u16; GROUPS_OF_A_NAME]) -> bool {
    one.iter().any(|group| *group != 0 && two.contains(group))
}

/// The full form that a folded given name most likely stands for; the name itself when it is no short form.
pub(super) fn full_form(name: &str) -> &str {
    GROUPS.iter().find(|group| group.contains(&name)).map_or(name, |group| group[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(one: &str, two: &str) -> bool {
        share(groups(one), groups(two))
    }

    #[test]
    fn short_forms_meet_in_their_full_form() {
        assert!(alike("bob", "robert") && alike("rob", "bob") && alike("bert", "albert") && alike("bert", "robert"));
        assert!(!alike("albert", "robert"), "a short form that both share makes them not one");
        assert!(!alike("ada", "ada"), "an unknown name has no forms");
        assert_eq!((full_form("peggy"), full_form("ada")), ("margaret", "ada"));
    }

    #[test]
    fn a_name_stands_in_no_more_groups_than_are_kept() {
        for name in GROUPS.iter().copied().flatten() {
            let count = GROUPS.iter().filter(|group| group.contains(name)).count();
            assert!(count <= GROUPS_OF_A_NAME, "{name} stands in {count} groups");
        }
    }
}
