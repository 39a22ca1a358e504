// One device of one worker, online and offline. Reads a job and then commands from stdin, one JSON value
// a line, and says on stdout what came of each. RxDB opens sixteen collections in a process, so each device
// is a process of its own.
import "fake-indexeddb/auto";
import { createInterface } from "node:readline";
import { Device, onDisk, pause } from "./device.mjs";
import { Person } from "./person.mjs";

const HINT_MILLISECONDS = 400;
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => JSON.parse((await lines.next()).value ?? '{"do": "end"}');
const say = (told) => process.stdout.write(`${JSON.stringify(told)}\n`);

const job = await next();
const device = await new Device(job).open();
const person = new Person(device, `${job.seed}/${job.name}`, job.worker);

async function live() {
  const hints = setInterval(() => device.hint(), HINT_MILLISECONDS);
  await person.live(job.rounds);
  clearInterval(hints);
  return { edits: person.edits };
}

async function settle({ seconds }) {
  device.online = true;
  const quiet = await Promise.race([device.settle(), pause(seconds * 1000).then(() => null)]);
  return { quiet, strange: device.strange ?? null };
}

async function show() {
  return {
    shown: await device.shown(),
    disk: await onDisk(),
    typed: person.typed,
    made: person.made,
    pushed: device.pushed,
    failures: device.failures,
    strange: device.strange ?? null,
  };
}

async function revoked() {
  device.hint();
  for (let turn = 0; turn < 200 && !device.wiped; turn += 1) await pause(25);
  await device.wiping;
  return { wiped: device.wiped, disk: await onDisk() };
}

const deeds = { live, settle, show, revoked };
say({ ready: true });
for (let asked = await next(); asked.do !== "end"; asked = await next()) say(await deeds[asked.do](asked));
process.exit(0);
