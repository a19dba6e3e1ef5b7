import { setTimeout as delay } from 'node:timers/promises';
import { createTestBlob } from '@ogong/testing/hub/blob-bytes';
import { openFolderStore } from './folder-store.ts';

// A process that folder-store.process.test.ts kills. Arguments: the folder of the store, the size of the blob, and
// the bytes after which the stream is silent. Sends the bytes that it has passed to the store, and `done` at the end.
const [directory = '', size = '', silentAfter = ''] = process.argv.slice(2);
const store = openFolderStore(directory);
const { bytes, id, stream } = createTestBlob(Number(size));
const from = await store.begun(id);

async function* report(): AsyncGenerator<Uint8Array> {
  let passed = from;
  for await (const piece of stream(from)) {
    yield piece;
    passed += piece.length;
    process.send?.(passed);
    if (passed >= Number(silentAfter)) await delay(600_000);
  }
}
await store.put(report(), { bytes, id, resume: { key: id, from } });
process.send?.('done');
process.disconnect();
