// Writes rows as fast as it can and prints the id of each row once it is acknowledged; the test kills it at any moment.
import { createGroupCommit } from './group-commit.ts';
import { createLogSync } from './log-sync.ts';
import { openStore } from './store.ts';

const store = openStore(process.argv[2] as string, {
  schema: 'CREATE TABLE record (id INTEGER PRIMARY KEY, body BLOB)',
});
const log = process.argv[3] === 'aside' ? createLogSync(store) : undefined;
const group = createGroupCommit(store, { maxDelayMs: 1, maxBatch: 32, log });

let next = 0;
async function writeForever(): Promise<void> {
  for (;;) {
    const id = next++;
    // Long enough for checkpoints.
    await group.write(({ prepare }) => prepare('INSERT INTO record VALUES (?, zeroblob(8000))').run(id));
    process.stdout.write(`${id}\n`);
  }
}

for (let writer = 0; writer < 50; writer++) void writeForever();
