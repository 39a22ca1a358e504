"""A stage on which what people write and are comes through every door, for the search for leaks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from sqlalchemy import text

from app.identity.rules import Worker
from tests.makers import Installation
from tests.searching import spellings_of
from tests.twilio_town import Town

PHONES: Final = {
    "twilio": "+66812345671", "unsigned": "+66812345672", "cht": "+66812345673",
    "broken item": "+66812345674",
    "console": "+85512345675", "case": "+85512345676", "reporter": "+85512345677", "member": "+85517345678",
    "worker": "+85512345679", "opted out": "+66812345670", "nobody's": "+66898765432",
    "pushed": "+66823456781", "rxdb": "+66823456782", "guardian": "+66823456783", "caller": "+66823456784",
    "moved": "+66823456785", "faulty": "+66823456786",
}  # fmt: skip
NAMES: Final = {
    "reporter": "សុភាពចន្ថា កែវមុនី", "member": "Sopheavy Chanmony", "later member": "ពេជ្រវិសាល",
    "worker": "រតនាពិសី អ៊ុំ", "refused": "Kanhavatey Oum", "pushed": "វិច្ឆិកាពណ្ណរាយ",
    "rxdb": "Somalyneath Keokanya", "guardian": "មាលាបទុមវតី", "witness": "ឥន្ទ្រទេវីសុវណ្ណ",
    "changed": "Bopharothmony Srun", "walled": "ចន្ទតារារស្មី", "broker": "Vichhekathol Somphors",
}  # fmt: skip
# Each door hears of another flower, so that a finding names the door that let it through.
FLOWERS: Final = {
    name: f"ផ្កា{stem}រីកស្រស់"
    for name, stem in {
        "twilio": "ឈូក", "unsigned": "ម្លិះ", "cht": "ចំប៉ា", "broken item": "រំដួល", "console": "កុលាប",
        "summary": "អង្គារដី", "new summary": "ចំប៉ី", "note": "ជ្រៃ", "hidden note": "ស្លា", "attempt": "ត្រែង",
        "decline": "ក្រវាន់", "assign": "ដូង", "status": "ចារ", "urgency": "ស្វាយ", "close": "ទឹកភ្លៀង",
        "reopen": "កណ្តៀង", "fault": "រាជព្រឹក្ស", "refused": "ឡាំដួន", "outcome": "ក្រូច", "later": "ឪឡឹក",
        "pushed": "មៀន", "pushed note": "ល្ហុង", "pushed attempt": "ម្នាស់", "held": "ទំពាំងបាយជូរ",
        "turned away": "សាវម៉ាវ", "clash": "មង្ឃុត", "newer app": "ទុរេន", "rxdb note": "ខ្នុរ", "device": "ត្របែក",
        "code word": "ល្មុត", "written": "ទៀប", "purpose": "ពន្លៃ", "referral": "គូលែន", "recipient": "អំពិល",
        "override": "កន្ទួត", "wall": "ស្ពឺ", "hold": "ពុទ្រា", "breach": "ត្នោត", "erasure": "ចេក",
        "file name": "ម្កាក់", "in the file": "ស្រល់", "dying": "គគីរ", "broker": "ភ្នៅ",
        "export": "ស្រកានាគ",
    }.items()
}  # fmt: skip
PASSWORD: Final = "Zq7-kolab-vichheka-31"  # of an archive
WORDS: Final = [
    PASSWORD,
    *(spelling for phone in PHONES.values() for spelling in spellings_of(phone)),
    *(part for name in NAMES.values() for part in name.split() if len(part) > 5),
    *FLOWERS.values(),
]


@dataclass
class Stage:
    """An installation whose every answer with an error is kept."""

    town: Town
    origin: str
    client: httpx.Client
    errors: dict[str, bytes] = field(default_factory=dict)

    @property
    def here(self) -> Installation:
        return self.town.here

    def ask(self, worker: Worker | None, method: str, path: str, json: Any = None, **options: Any) -> Any:
        """A request through real HTTP; what is answered to it."""
        token = {"Authorization": f"Bearer {self.here.token(worker)}"} if worker else {}
        headers = token | options.pop("headers", {})
        answer = self.client.request(method, self.origin + path, json=json, headers=headers, **options)
        return self.kept(f"{method} {path.partition('?')[0]} {len(self.errors)}", answer)

    def kept(self, name: str, answer: Any) -> Any:
        if answer.status_code >= 400:
            told = "\n".join(f"{key}: {value}" for key, value in answer.headers.items())
            self.errors[name] = told.encode() + answer.content
        return answer

    def good(self, worker: Worker, method: str, path: str, json: Any = None) -> Any:
        answer = self.ask(worker, method, path, json)
        assert answer.status_code < 300, (path, answer.text)
        return answer.json()

    @contextmanager
    def without(self, table: str) -> Iterator[None]:
        """A table is not there for a while: a real fault for whoever needs it."""
        with self.here.office.database.write() as connection:
            connection.execute(text(f"ALTER TABLE {table} RENAME TO {table}_gone"))
        try:
            yield
        finally:
            with self.here.office.database.write() as connection:
                connection.execute(text(f"ALTER TABLE {table}_gone RENAME TO {table}"))
