// One device: a database in the browser's manner, and the glue between it and the server.
import { addRxPlugin, createRxDatabase } from "rxdb";
import { RxDBCleanupPlugin } from "rxdb/plugins/cleanup";
import { replicateRxCollection } from "rxdb/plugins/replication";
import { getRxStorageDexie } from "rxdb/plugins/storage-dexie";
import { Subject } from "rxjs";
import { NAMES, SCHEMAS } from "./schemas.mjs";

addRxPlugin(RxDBCleanupPlugin);
const IDLE_MILLISECONDS = 2_000;
const RETRY_MILLISECONDS = 150;

export class Device {
  constructor({ name, token, origin }) {
    Object.assign(this, { name, token, origin, online: true, wiped: false });
    this.pushed = []; // every row that was handed to the network, as it was then
    this.done = Object.fromEntries(NAMES.map((one) => [one, { pulls: 0, moved: 0 }]));
    this.failures = 0;
    this.cleaning = Promise.resolve();
    this.gone = new Set(); // collections in which documents were taken away since the last cleaning
  }

  async open() {
    this.db = await createRxDatabase({
      name: this.name,
      storage: getRxStorageDexie(),
      multiInstance: false,
    });
    await this.db.addCollections(SCHEMAS);
    this.hints = new Subject();
    this.replications = NAMES.map((name) => this.replicate(name));
    return this;
  }

  // This is all the glue that an app needs.
  replicate(name) {
    const replication = replicateRxCollection({
      collection: this.db[name],
      replicationIdentifier: `spean-${name}`,
      live: true,
      retryTime: RETRY_MILLISECONDS,
      pull: {
        batchSize: 50,
        stream$: this.hints,
        handler: async (checkpoint, limit) => {
          const page = await this.ask("GET", `/v1/rxdb/${name}/pull?cp=${checkpoint?.c ?? ""}&limit=${limit}`);
          this.done[name].pulls += 1;
          return page;
        },
      },
      push: {
        batchSize: 20,
        handler: (rows) => {
          this.pushed.push(...rows.map((row) => ({ collection: name, row })));
          this.done[name].moved += rows.length;
          return this.ask("POST", `/v1/rxdb/${name}/push`, rows);
        },
      },
    });
    replication.received$.subscribe((doc) => {
      this.done[name].moved += 1;
      if (doc._deleted) this.gone.add(name);
    });
    replication.error$.subscribe((error) => this.noteFailure(error));
    return replication;
  }

  // Offline means that requests fail: the replication itself is never paused.
  async ask(method, path, body) {
    if (!this.online) throw new Error("offline");
    const answer = await fetch(this.origin + path, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body ? { "content-type": "application/json" } : {}),
        connection: "close", // so that the network may harm each request anew
      },
      body: body ? JSON.stringify(body) : undefined,
      signal: AbortSignal.timeout(IDLE_MILLISECONDS),
    });
    const said = await answer.json();
    if (answer.status === 401 && said.code === "device-revoked") await this.wipe();
    if (!answer.ok) throw new Error(`${answer.status} ${JSON.stringify(said)}`);
    return said;
  }

  noteFailure(error) {
    this.failures += 1;
    this.lastFailure = JSON.stringify(error.parameters?.errors?.map((one) => one.message) ?? String(error));
    if (!/fetch failed|offline|aborted|timeout|terminated/.test(this.lastFailure) && !this.wiped) {
      this.strange = this.lastFailure;
    }
  }

  hint() {
    if (this.online && !this.wiped) this.hints.next("RESYNC");
  }

  // What was taken away leaves no trace on the device. RxDB waits with it until all is in sync. Returns
  // whether anything was taken away since the last time.
  clean(names = [...this.gone]) {
    const some = this.gone.size > 0;
    this.gone.clear();
    this.cleaning = this.cleaning.then(() => Promise.all(names.map((name) => this.db[name].cleanup(0))));
    return some;
  }

  // Nothing was pulled, pushed or corrected any more.
  async settle() {
    const before = NAMES.map((name) => ({ ...this.done[name] }));
    this.hint();
    while (NAMES.some((name, at) => this.done[name].pulls === before[at].pulls)) await pause(10);
    for (const replication of this.replications) await replication.awaitInSync();
    const cleaned = this.clean(NAMES);
    await this.cleaning;
    return !cleaned && NAMES.every((name, at) => this.done[name].moved === before[at].moved);
  }

  // What the person sees: every living document of every collection.
  async shown() {
    const found = {};
    for (const name of NAMES) {
      const docs = await this.db[name].find().exec();
      found[name] = Object.fromEntries(docs.map((doc) => [doc.id, doc.toJSON()]));
    }
    return found;
  }

  async wipe() {
    if (this.wiped) return;
    this.wiped = true;
    // Not awaited here: the replications end only once the request that brought the news has.
    this.wiping = this.db.remove();
  }
}

// All that stands in the databases of the disk, deleted documents and bookkeeping included.
export async function onDisk() {
  const found = [];
  for (const { name } of await indexedDB.databases()) found.push(...(await rowsOf(name)));
  return JSON.stringify(found);
}

async function rowsOf(name) {
  const db = await finished(indexedDB.open(name));
  const stores = [...db.objectStoreNames];
  const rows = [];
  if (stores.length) {
    const reading = db.transaction(stores);
    for (const store of stores) rows.push(...(await finished(reading.objectStore(store).getAll())));
  }
  db.close();
  return rows;
}

function finished(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
