//! Names of people, places and trades, in the scripts that such registries hold.

use super::dice::Dice;

const FIRST: &[&str] = &[
    "Mari",
    "Jüri",
    "Õnne",
    "Ülle",
    "Tõnu",
    "Käthe",
    "Kristjan",
    "Liis",
    "Žanna",
    "Šarlote",
    "Jürgen",
    "Anneliese",
    "Günther",
    "Heinrich",
    "Ольга",
    "Иван",
    "Светлана",
    "Дмитрий",
    "Ярослав",
    "Юлия",
    "Peeter",
    "Maarja",
    "Aino",
    "Toomas",
];

const LAST: &[&str] = &[
    "Tamm",
    "Saar",
    "Sepp",
    "Mägi",
    "Kõiv",
    "Põld",
    "Öpik",
    "Rebane",
    "Lõhmus",
    "Jõgi",
    "Müller",
    "Groß",
    "Weiß",
    "Schäfer",
    "von Stackelberg",
    "Köhler",
    "Иванов",
    "Смирнова",
    "Кузнецов",
    "Попова",
    "Соловьёв",
    "Щербаков",
    "Šapovalov",
    "Žukov",
];

const COUNTIES: &[&str] = &[
    "Harjumaa",
    "Hiiumaa",
    "Ida-Virumaa",
    "Jõgevamaa",
    "Järvamaa",
    "Läänemaa",
    "Lääne-Virumaa",
    "Põlvamaa",
    "Pärnumaa",
    "Raplamaa",
    "Saaremaa",
    "Tartumaa",
    "Valgamaa",
    "Viljandimaa",
    "Võrumaa",
];

const STREETS: &[&str] = &[
    "Pikk",
    "Lai",
    "Rüütli",
    "Õie",
    "Kooli",
    "Jaama",
    "Metsa",
    "Järve",
    "Tööstuse",
    "Mäe",
    "Vene",
    "Raekoja plats",
    "Schlossstraße",
    "Пушкина",
    "Kuperjanovi",
    "Ülikooli",
];

const TRADES: &[&str] = &[
    "Ehitus",
    "Metsandus",
    "Põllumajandus",
    "Kalandus",
    "Laevandus",
    "Tarkvara",
    "Hotellid",
    "Jäätmekäitlus",
    "Großhandel",
    "Maschinenbau",
    "Логистика",
    "Энергетика",
    "Puidutööstus",
    "Õigusbüroo",
    "Šokolaad",
];

const FORMS: &[&str] = &["OÜ", "AS", "UÜ", "TÜ", "FIE", "SA", "MTÜ"];

pub(super) fn person(dice: &mut Dice) -> String {
    format!("{} {}", dice.of(FIRST), dice.of(LAST))
}

pub(super) fn county(dice: &mut Dice) -> &'static str {
    dice.of(COUNTIES)
}

pub(super) fn street(dice: &mut Dice) -> String {
    format!("{} {}", dice.of(STREETS), dice.between(1, 140))
}

pub(super) fn company(dice: &mut Dice) -> String {
    format!("{} {} {}", dice.of(LAST), dice.of(TRADES), dice.of(FORMS))
}

pub(super) fn trade(dice: &mut Dice) -> &'static str {
    dice.of(TRADES)
}
