// Somebody with a device in their hands, who writes down what happens, whether there is a network or not.
import { createHash, randomUUID } from "node:crypto";
import { pause } from "./device.mjs";

const COUNTRIES = ["TH", "MY", "KR", "JP"];
const STAGES = ["accepted", "in_progress", "on_hold", "resolved"];

export class Person {
  constructor(device, seed, worker) {
    Object.assign(this, { device, worker, chance: chanceOf(seed), edits: 0, words: 0 });
    this.name = device.name.replace(/\W/g, "");
    this.typed = []; // every word, with where it was written, in order
    this.made = []; // the ids of notes
  }

  async live(rounds) {
    for (let round = 0; round < rounds; round += 1) {
      if (this.chance() < 0.2) this.device.online = !this.device.online;
      for (let some = this.one([0, 1, 1, 2, 3]); some > 0; some -= 1) await this.edit();
      if (this.chance() < 0.1) this.device.clean();
      await pause(20 + this.chance() * 80);
    }
  }

  async edit() {
    const { db } = this.device;
    const cases = await db.case.find().exec();
    const mine = cases.length ? this.one(cases) : null;
    const acts = [
      [6, () => this.note(mine)],
      [4, () => this.write(mine, "summary")],
      [2, () => this.change(mine, { destination_country: this.one(COUNTRIES) })],
      [3, () => this.change(mine, this.step())],
      [1, () => this.change(mine, { owner_id: this.worker })],
      [2, () => this.open()],
      [1, () => this.call(mine)],
      [2, () => this.affected(mine)],
      [1, () => this.file(mine)],
      [1, () => this.seen()],
      [1, () => mine.remove()],
    ];
    const all = acts.reduce((sum, [weight]) => sum + weight, 0);
    let at = this.chance() * all;
    const act = acts.find(([weight]) => (at -= weight) < 0)[1];
    const [typed, made] = [this.typed.length, this.made.length];
    try {
      await act();
      this.edits += 1;
    } catch (error) {
      // The document changed under the hands, was taken away, or there is none yet: nothing was written.
      this.typed.length = typed;
      this.made.length = made;
      if (!mine || error.code === "CONFLICT" || error.rxdb) return;
      throw error;
    }
  }

  note(mine) {
    const id = randomUUID();
    this.made.push(id);
    return this.insert("note", { id, case_id: mine.id, text: this.word("note", id, "text"), restricted: false });
  }

  open() {
    const id = randomUUID();
    return this.insert("case", { id, summary: this.word("case", id, "summary"), categories: ["unpaid_wages"] });
  }

  call(mine) {
    const id = randomUUID();
    const note = this.word("contact_attempt", id, "note");
    return this.insert("contact_attempt", { id, case_id: mine.id, channel: "call", outcome: "no_answer", note });
  }

  async affected(mine) {
    const known = await this.device.db.member.find({ selector: { case_id: mine.id } }).exec();
    if (known.length && this.chance() < 0.5) {
      const member = this.one(known);
      const name = this.word("member", member.id, "person.name");
      return member.patch({ person: { ...member.toJSON().person, name } });
    }
    const id = randomUUID();
    return this.insert("member", { id, case_id: mine.id, person: { name: this.word("member", id, "person.name") } });
  }

  file(mine) {
    const id = randomUUID();
    const sha256 = createHash("sha256").update(id).digest("hex");
    return this.insert("attachment", { id, case_id: mine.id, mime: "image/jpeg", size_bytes: 1_000, sha256 });
  }

  async seen() {
    const issues = await this.device.db.sync_issue.find({ selector: { seen: false } }).exec();
    if (issues.length) await this.one(issues).patch({ seen: true });
  }

  write(mine, field) {
    return mine.patch({ [field]: this.word(mine.collection.name, mine.id, field) });
  }

  change(mine, fields) {
    return mine.patch(fields);
  }

  step() {
    const status = this.one(STAGES);
    return status === "on_hold" ? { status, hold_until: "2026-06-20T00:00:00Z" } : { status };
  }

  insert(name, doc) {
    return this.device.db[name].insert(doc);
  }

  // A word that nobody else ever writes, so that it can be looked for.
  word(collection, id, field) {
    const word = `ពាក្យ${this.name}x${(this.words += 1)}។`;
    this.typed.push({ word, collection, id, field });
    return word;
  }

  one(some) {
    return some[Math.floor(this.chance() * some.length)];
  }
}

// The same chances for the same seed (mulberry32).
function chanceOf(seed) {
  let state = createHash("sha256").update(seed).digest().readUInt32LE();
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
