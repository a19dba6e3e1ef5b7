// Writes rows as fast as it can and prints the id of each row once it is acknowledged; the test kills it at any moment.
import { writeSync } from 'node:fs';
import { createGroupCommit } from './group-commit.ts';
import { openStore } from './store.ts';

const store = openStore(process.argv[2] as string, { schema: 'CREATE TABLE record (id INTEGER PRIMARY KEY)' });
const group = createGroupCommit(store, { maxDelayMs: 1, maxBatch: 32 });

let next = 0;
async function writeForever(): Promise<void> {
  for (;;) {
    const id = next++;
    await group.write(({ prepare }) => prepare('INSERT INTO record (id) VALUES (?)').run(id));
    writeSync(1, `${id}\n`);
  }
}

for (let writer = 0; writer < 50; writer++) void writeForever();
