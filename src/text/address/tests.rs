use super::AddressPart::{City, District, HouseNumber, Postcode, Region, Street, Unit};
use super::*;

fn parts(text: &str) -> [String; 7] {
    [Street, HouseNumber, Unit, Postcode, City, District, Region]
        .map(|part| address(text, part).unwrap_or_else(|why| panic!("{why}")).unwrap_or_default())
}

fn are_read(addresses: &[(&str, [&str; 7])]) {
    for (text, expected) in addresses {
        assert_eq!(parts(text), expected.map(str::to_owned), "{text}");
    }
}

#[test]
fn western_addresses() {
    are_read(&[
        (
            "8 Stanley Street, South Grafton 2135 NSW",
            ["Stanley Street", "8", "", "2135", "South Grafton", "", "NSW"],
        ),
        ("Hauptstraße 12a, 10115 Berlin", ["Hauptstraße", "12a", "", "10115", "Berlin", "", ""]),
        ("Hauptstraße 12, Berlin", ["Hauptstraße", "12", "", "", "Berlin", "", ""]),
        ("Hauptstraße 12 10115 Berlin", ["Hauptstraße", "12", "", "10115", "Berlin", "", ""]),
        (
            "Hauptstr. 12-14, 10115 Berlin, Deutschland",
            ["Hauptstr.", "12-14", "", "10115", "Berlin", "", ""],
        ),
        ("Am Alten Markt 3, D-50667 Köln", ["Am Alten Markt", "3", "", "D-50667", "Köln", "", ""]),
        (
            "Straße des 17. Juni 135, 10623 Berlin",
            ["Straße des 17. Juni", "135", "", "10623", "Berlin", "", ""],
        ),
        (
            "Musterweg 5, Haus B, 3. OG, 80331 München",
            ["Musterweg", "5", "Haus B, 3. OG", "80331", "München", "", ""],
        ),
        ("Postfach 1234, 10115 Berlin", ["", "", "", "10115", "Berlin", "", ""]),
        (
            "221B Baker Street, London NW1 6XE",
            ["Baker Street", "221B", "", "NW1 6XE", "London", "", ""],
        ),
        (
            "221B Baker Street\nLondon\nNW1 6XE",
            ["Baker Street", "221B", "", "NW1 6XE", "London", "", ""],
        ),
        ("12 High Street London SW1A 1AA", ["High Street", "12", "", "SW1A 1AA", "London", "", ""]),
        (
            "10 Downing St, Westminster, London, SW1A 2AA, UK",
            ["Downing St", "10", "", "SW1A 2AA", "London", "", ""],
        ),
        (
            "Flat 3, Rose House, 12 High Street, London SW1A 1AA",
            ["High Street", "12", "Flat 3", "SW1A 1AA", "London", "", ""],
        ),
        (
            "1600 Pennsylvania Ave NW, Washington, DC 20500",
            ["Pennsylvania Ave NW", "1600", "", "20500", "Washington", "", "DC"],
        ),
        (
            "350 5th Ave Apt 21, New York, NY 10118-0110",
            ["5th Ave", "350", "Apt 21", "10118-0110", "New York", "", "NY"],
        ),
        (
            "5th Floor, 350 5th Ave, New York, NY 10118",
            ["5th Ave", "350", "5th Floor", "10118", "New York", "", "NY"],
        ),
        (
            "123 N Main St # 5, Winston-Salem, NC 27101",
            ["N Main St", "123", "# 5", "27101", "Winston-Salem", "", "NC"],
        ),
        (
            "12 C Street, Washington, DC 20500",
            ["C Street", "12", "", "20500", "Washington", "", "DC"],
        ),
        (
            "123 Main St., Springfield IL 62704-1234, USA",
            ["Main St.", "123", "", "62704-1234", "Springfield", "", "IL"],
        ),
        (
            "1234 NW 5th Ave, Miami, FL 33101",
            ["NW 5th Ave", "1234", "", "33101", "Miami", "", "FL"],
        ),
        ("1 Main St, St. Louis, MO 63101", ["Main St", "1", "", "63101", "St. Louis", "", "MO"]),
        (
            "12345 Main St, Springfield, Illinois",
            ["Main St", "12345", "", "", "Springfield", "", "Illinois"],
        ),
        (
            "Unit 7/12 George St, Sydney NSW 2000",
            ["George St", "12", "Unit 7", "2000", "Sydney", "", "NSW"],
        ),
        (
            "Keizersgracht 174\n1016 DW Amsterdam",
            ["Keizersgracht", "174", "", "1016 DW", "Amsterdam", "", ""],
        ),
        ("75001 Paris, 5 rue de Rivoli", ["rue de Rivoli", "5", "", "75001", "Paris", "", ""]),
        (
            "12 bis, rue de la Paix, 75002 Paris, France",
            ["rue de la Paix", "12 bis", "", "75002", "Paris", "", ""],
        ),
        ("Via Roma 5, 00184 Roma RM", ["Via Roma", "5", "", "00184", "Roma", "", "RM"]),
        (
            "Calle Mayor 5, 3º B, 28013 Madrid",
            ["Calle Mayor", "5", "3º B", "28013", "Madrid", "", ""],
        ),
        ("Broadway 5, 1000-205 Lisboa", ["Broadway", "5", "", "1000-205", "Lisboa", "", ""]),
        (
            "Rua Augusta 1500, São Paulo - SP, 01304-001",
            ["Rua Augusta", "1500", "", "01304-001", "São Paulo", "", "SP"],
        ),
    ]);
}

#[test]
fn chinese_addresses() {
    are_read(&[
        (
            "广东省广州市天河区中山路15号301室",
            ["中山路", "15号", "301室", "", "广州市", "天河区", "广东省"],
        ),
        (
            "100080 北京市海淀区中关村大街２７号",
            ["中关村大街", "27号", "", "100080", "北京市", "海淀区", ""],
        ),
        (
            "上海市浦东新区世纪大道8号国金中心二期10楼",
            ["世纪大道", "8号", "国金中心二期10楼", "", "上海市", "浦东新区", ""],
        ),
        ("臺北市信義區市府路45號", ["市府路", "45號", "", "", "臺北市", "信義區", ""]),
        ("内蒙古自治区呼和浩特市", ["", "", "", "", "呼和浩特市", "", "内蒙古自治区"]),
        ("北京朝阳区建国路88号", ["建国路", "88号", "", "", "北京", "朝阳区", ""]),
        ("广东深圳市南山区科苑路1号", ["科苑路", "1号", "", "", "深圳市", "南山区", "广东"]),
        (
            "吉林省吉林市船营区吉林大街1号",
            ["吉林大街", "1号", "", "", "吉林市", "船营区", "吉林省"],
        ),
        ("110台北市信義區市府路45號8樓", ["市府路", "45號", "8樓", "110", "台北市", "信義區", ""]),
        (
            "浙江省杭州市西湖区文三路 90 号 邮编310012",
            ["文三路", "90号", "", "310012", "杭州市", "西湖区", "浙江省"],
        ),
        (
            "香港中環皇后大道中99號10樓A室",
            ["皇后大道中", "99號", "10樓A室", "", "香港", "中環", ""],
        ),
        ("香港九龍彌敦道1號", ["彌敦道", "1號", "", "", "香港", "九龍", ""]),
        (
            "海南省三亚市吉阳区迎宾路1号院3号楼2单元501",
            ["迎宾路", "1号院", "3号楼2单元501", "", "三亚市", "吉阳区", "海南省"],
        ),
        (
            "江苏省苏州市昆山市玉山镇人民路12号",
            ["人民路", "12号", "", "", "苏州市", "昆山市", "江苏省"],
        ),
        ("湖南省长沙县星沙街道开元路1号", ["开元路", "1号", "", "", "", "长沙县", "湖南省"]),
        (
            "山东省青岛市市南区香港中路1号",
            ["香港中路", "1号", "", "", "青岛市", "市南区", "山东省"],
        ),
        ("香港中路1号", ["香港中路", "1号", "", "", "", "", ""]),
        ("北京路5号", ["北京路", "5号", "", "", "", "", ""]),
        (
            "四川省成都市武侯区人民南路四段27号附1号",
            ["人民南路四段", "27号附1号", "", "", "成都市", "武侯区", "四川省"],
        ),
        (
            "上海市黄浦区中山路12弄5号301室",
            ["中山路", "12弄5号", "301室", "", "上海市", "黄浦区", ""],
        ),
        ("中山市古镇路3号", ["古镇路", "3号", "", "", "中山市", "", ""]),
        ("深圳市南山区", ["", "", "", "", "深圳市", "南山区", ""]),
    ]);
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    for (text, part) in [
        ("10 High St, Leeds, West Yorkshire, LS1 4AP", City),
        ("12 High Street, Didsbury, Manchester", City),
        ("12 High Street London", Street),
        ("Mannheim, Q7 24, 68161", City),
        ("1234 Foo, Bar", Postcode),
        ("Hauptstr. 5, Berlin, DE", City),
        ("Hauptstr. 5, 10115 Berlin DE", Region),
        ("5 Elm Road, 7 Oak Road, Springfield", Street),
        ("High Street, Warehouse 7, London SW1A 1AA", Street),
        ("保定莲池区朝阳路8号", District),
        ("東京都千代田区丸の内1-1", City),
        ("鼓楼区号楼街", Unit),
    ] {
        let told = address(text, part).unwrap_err();
        assert!(told.contains("in two ways"), "{told}");
    }
    // what is plain all the same
    assert_eq!(
        address("12 High Street, Didsbury, Manchester", Street).unwrap().unwrap(),
        "High Street"
    );
}

#[test]
fn what_is_no_address_is_told() {
    for text in ["", "n/a", "unknown", "不详"] {
        assert!(address(text, City).is_err(), "{text}");
    }
    assert!(chinese::are_right() && western::are_right());
}
