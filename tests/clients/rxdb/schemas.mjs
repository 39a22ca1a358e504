// The collections of a device: the documents of the server, as RxDB wants them described.
const id = { type: "string", maxLength: 36 };
const text = { type: ["string", "null"] };
const number = { type: "number" };
const flag = { type: "boolean" };
const list = { type: "array", items: {} };
const thing = { type: ["object", "null"] };

const fields = {
  case: {
    code: text, status: text, urgency: text, categories: list, urgency_reasons: list, language: text,
    origin_channel: text, destination_country: text, organisation_id: text, owner_id: text, queue: text,
    opened_at: text, accepted_at: text, first_contact_at: text, closed_at: text, hold_until: text,
    overdue_since: text, updated_at: text, outcome: text, client_informed: text, conflict: text,
    next_timer: thing, member_count: number, reporter: thing, summary: text, version: number, extra: thing,
  },
  member: {
    case_id: text, status: text, outcome: text, wages_claimed: thing, minor: flag, in_danger: flag,
    do_not_contact: flag, person: thing, extra: thing,
  },
  note: { case_id: text, author_id: text, text, restricted: flag, at: text, extra: thing },
  contact_attempt: { case_id: text, author_id: text, channel: text, outcome: text, note: text, at: text, extra: thing },
  task: { kind: text, case_id: text, subject_id: text, due_at: text, created_at: text, done_at: text },
  message: { case_id: text, direction: text, text, at: text, state: text },
  attachment: {
    case_id: text, author_id: text, name: text, mime: text, size_bytes: number, sha256: text, state: text,
    at: text, extra: thing,
  },
  reference: { name: text, items: {} },
  sync_issue: {
    code: text, title: thing, detail: thing, about: thing, case_id: text, conflict: list, at: text, seen: flag,
  },
};

export const NAMES = Object.keys(fields);

export const SCHEMAS = Object.fromEntries(
  NAMES.map((name) => [
    name,
    {
      schema: {
        version: 0,
        primaryKey: "id",
        type: "object",
        properties: { id, rev: number, ...fields[name] },
        required: ["id"],
      },
    },
  ]),
);
