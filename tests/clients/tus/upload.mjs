// Uploads one file with the unmodified client; reads what to do from stdin and says on stdout how it went.
import { readFileSync } from "node:fs";
import * as tus from "tus-js-client";

const job = JSON.parse(readFileSync(0, "utf8"));
const content = readFileSync(job.file);
let failures = 0;
let stalls = 0;
let movedAt = Date.now();
let last = 0;
let watch;

function end(told, status) {
  clearInterval(watch);
  process.stdout.write(JSON.stringify({ ...told, failures, stalls }));
  process.exit(status);
}

const upload = new tus.Upload(content, {
  endpoint: job.endpoint,
  headers: { Authorization: `Bearer ${job.token}` },
  metadata: job.metadata,
  chunkSize: job.chunkSize ?? Infinity,
  uploadDataDuringCreation: job.duringCreation ?? false,
  retryDelays: Array(60).fill(job.retryAfter),
  storeFingerprintForResuming: false,
  onShouldRetry: (error) => {
    failures += 1;
    const status = error.originalResponse?.getStatus() ?? 0;
    return status < 400 || status >= 500 || status === 409 || status === 423;
  },
  onProgress: (sent) => {
    if (sent !== last) movedAt = Date.now();
    last = sent;
  },
  onSuccess: () => end({ url: upload.url }, 0),
  onError: (error) =>
    end(
      {
        status: error.originalResponse?.getStatus() ?? null,
        body: error.originalResponse?.getBody() ?? null,
        error: String(error),
      },
      1,
    ),
});

// The client has no time limit of its own and waits for ever in a black hole; an app has to bring one.
watch = setInterval(async () => {
  if (Date.now() - movedAt < job.stallAfter) return;
  movedAt = Date.now();
  stalls += 1;
  await upload.abort();
  upload.start();
}, 50);

upload.start();
