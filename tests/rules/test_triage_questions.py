"""Triage: questions and thanks are no reports, and no question or thanks hides one."""

from pathlib import Path

import pytest

from app.intake.rules.asking import question_ends
from app.intake.rules.lexicon import Lexicon, load_lexicon
from app.intake.rules.triage import decide
from app.kernel.urgency import Urgency

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon(CONFIG)


@pytest.mark.parametrize(
    "text",
    [
        "តើថៅកែមានសិទ្ធិទុកប៉ាស្ព័រខ្ញុំទេ",
        "is it legal if employer keep passport?",
        "បើថៅកែមិនបើកលុយ តើត្រូវទៅប្ដឹងនៅណា",
        "visa thai os ponman bong",
    ],
)
def test_a_question_about_the_general_case_is_no_abuse(text: str, lexicon: Lexicon) -> None:
    decision = decide(text, lexicon)
    assert decision.categories == ("information_request",)
    assert decision.urgency is Urgency.U4


@pytest.mark.parametrize(
    "text", ["អរគុណបង បានលុយហើយ", "orkun bong", "wrong number sorry", "ทุกอย่างเรียบร้อยแล้ว ขอบคุณ"]
)
def test_thanks_and_settled_matters_have_no_category_and_low_urgency(text: str, lexicon: Lexicon) -> None:
    decision = decide(text, lexicon)
    assert decision.categories == ()
    assert decision.urgency is Urgency.U4
    assert any(reason.rule.startswith("not_relevant.") for reason in decision.reasons)


@pytest.mark.parametrize(
    "text",
    [
        "what if my boss keeps my passport?",
        "can police arrest me if my visa is over?",
        "how much compensation for an injured finger",
        "where can a woman get help if someone rape her",
        "វីសាផុតកំណត់ ប៉ូលិសអាចចាប់ឬទេ",
        "អ្នកដែលត្រូវគេចាប់ ចង់ជួបមេធាវីត្រូវបង់លុយអត់",
        "អត់មានប៉ាស្ព័រ ប៉ូលិសថៃចាប់ទេ",
        "ber boss ot oy passport trov tver mech?",
        "visa phot konnot, ke chab ot bong?",
        "ถ้านายจ้างไม่จ่ายเงินต้องไปแจ้งที่ไหนคะ",
    ],
)
def test_danger_that_is_only_asked_about_is_a_question(text: str, lexicon: Lexicon) -> None:
    assert decide(text, lexicon).categories == ("information_request",)


@pytest.mark.parametrize(
    ("text", "urgency"),
    [
        ("polis jab neak ot mean pasport, trov pineay ponman", Urgency.U3),
        ("my friend said boss can keep passport by law, is that right", Urgency.U3),
        ("គេថានៅទីនោះគេវាយពលករ ពិតទេ", Urgency.U4),
        ("ពេលត្រូវគេវាយ ត្រូវរាយការណ៍ទៅណា", Urgency.U2),
        ("ប៉ូលិសចាប់ យើងមានសិទ្ធិអ្វីខ្លះ", Urgency.U3),
        ("ចូល detention ហើយ family អាច visit ទេ", Urgency.U3),
        ("can we say no to overtime", Urgency.U4),
    ],
)
def test_a_harm_with_nobody_beside_it_is_only_asked_about_but_looked_at(
    text: str, urgency: Urgency, lexicon: Lexicon
) -> None:
    decision = decide(text, lexicon)
    assert decision.categories == ("information_request",)
    assert decision.urgency is urgency


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("គេវាយប្អូនខ្ញុំ ប្ដឹងនៅណា", "physical_abuse"),
        ("ថៅកែវាយ ជួយបានទេ", "physical_abuse"),
        ("boss beat, can you help", "physical_abuse"),
        ("គេចាប់យើង ប្ដឹងនៅណា", "detention"),
        ("ប៉ូលិសចាប់គាត់ ឃុំនៅណា", "detention"),
        ("អត់ដឹងគេឃុំនៅប៉ុស្តិ៍ណា", "detention"),
        ("ថៅកែថាសម្លាប់ ខ្ញុំប្ដឹងនៅណា", "physical_abuse"),
        ("he cannot breathe, what number ambulance", "injury_medical"),
        ("មិនចង់រស់ទេ តេទៅលេខណា", "injury_medical"),
    ],
)
def test_a_person_a_call_or_a_doubt_makes_a_question_a_report(
    text: str, category: str, lexicon: Lexicon
) -> None:
    assert category in decide(text, lexicon).categories


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("does the law allow this", True), ("hello sir, how long", True), ("do not let me out", False),
        ("can you help me", False), ("how to escape", False), ("the police is here", False), ("", False),
    ],
)  # fmt: skip
def test_an_english_question_begins_like_one(text: str, *, is_one: bool) -> None:
    assert ("question_start" in {kind for kind, _, _ in question_ends(text)}) is is_one


@pytest.mark.parametrize(
    ("text", "category", "urgency"),
    [
        ("ថៅកែវាយខ្ញុំរាល់ថ្ងៃ បែបនេះខុសច្បាប់ទេ", "physical_abuse", Urgency.U1),
        ("គេរំលោភកូនស្រីខ្ញុំ ត្រូវទៅប្ដឹងនៅណា", "sexual_violence", Urgency.U1),
        ("គេមិនឱ្យចេញពីផ្ទះសោះ អាចជួយយកខ្ញុំចេញបានទេ", "detention", Urgency.U1),
        ("តើប្ដីខ្ញុំជាប់គុកនៅណា គេចាប់ពីម្សិលមិញ", "detention", Urgency.U2),
        ("my boss beat me every day, what can i do?", "physical_abuse", Urgency.U1),
        ("if i tell police he say he will kill me, what should i do", "physical_abuse", Urgency.U1),
        (
            "we want leave scam company but they ask 5000, how to escape?",
            "trafficking_forced_labour",
            Urgency.U1,
        ),
        ("boss not pay 3 month, how can i complain?", "unpaid_wages", Urgency.U3),
        ("boss yok passport nhom 1 chnam hz, khos chbab te bong", "passport_confiscation", Urgency.U3),
        ("what if they kill me", "physical_abuse", Urgency.U1),
    ],
)
def test_a_question_never_hides_what_happened(
    text: str, category: str, urgency: Urgency, lexicon: Lexicon
) -> None:
    decision = decide(text, lexicon)
    assert category in decision.categories
    assert decision.urgency <= urgency


@pytest.mark.parametrize(
    "text",
    [
        "អរគុណច្រើនបង ប្អូនខ្ញុំចេញពីគុកហើយ",
        "my brother got out of jail, thank you",
        "thanks for helping my mother come home from hospital",
        "ប៉ូលិសដោះលែងប្ដីខ្ញុំហើយ សូមអរគុណបងៗ",
        "boss finally paid, thanks for help",
    ],
)
def test_thanks_for_what_is_over_report_nothing(text: str, lexicon: Lexicon) -> None:
    decision = decide(text, lexicon)
    assert decision.categories == ()
    assert decision.urgency is Urgency.U4


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("ប្ដីខ្ញុំបាត់ខ្លួន សូមជួយរក អរគុណ", "missing_person"),
        ("រកកូនមិនឃើញហើយ អរគុណ", "missing_person"),
        ("they do not let us get out of the room, thank you", "detention"),
        ("salary paid already thanks, but now boss lock the door", "detention"),
        ("help me please thank you, police catch my husband", "detention"),
    ],
)
def test_thanks_in_advance_hide_nothing(text: str, category: str, lexicon: Lexicon) -> None:
    assert category in decide(text, lexicon).categories


def test_a_condition_that_somebody_sets_is_a_threat(lexicon: Lexicon) -> None:
    assert "physical_abuse" in decide("ថៅកែថាបើមិនធ្វើនឹងបាញ់ចោល", lexicon).categories
    assert "sexual_violence" in decide("នាយកថាបើមិនដេកជាមួយគាត់ មិនបន្តវីសាឱ្យ", lexicon).categories


@pytest.mark.parametrize(
    ("loose", "ends_as"),
    [
        ("មានការិយាល័យទេ", {"question_end", "clause_question"}),
        ("ពិតអត", set()), ("ពិតអត់បង", {"question_end", "clause_question"}),
        ("មិនអោយចេញទេ", set()), ("អត់មានប័ណ្ណ គេចាបយើងទេ", {"clause_question"}),
        ("នៅតែអត់", set()), ("ach tov ban ot bong", {"question_end", "clause_question"}),
        ("min ban luy te", set()), ("", set()),
    ],
)  # fmt: skip
def test_the_end_of_a_text_tells_a_question(loose: str, ends_as: set[str]) -> None:
    assert {kind for kind, _, _ in question_ends(loose)} == ends_as


def test_thanks_never_hide_a_report(lexicon: Lexicon) -> None:
    decision = decide("thank you bong, boss beat me and lock the door", lexicon)
    assert {"physical_abuse", "detention"} <= set(decision.categories)
    assert decision.urgency is Urgency.U1
