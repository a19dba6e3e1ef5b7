// Loaded into local mode during a soak: `node --import=.../memory-probe.ts?file=<path>&everyMs=<ms>`. Collects garbage at intervals and
// writes down what is left: memory that waits for its collector looks like memory that leaks.
import { writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const asked = new URL(import.meta.url).searchParams;
const [file, everyMs] = [asked.get('file'), Number(asked.get('everyMs'))];
if (file === null || !(everyMs > 0)) throw new Error('the address of this module names a file and an interval');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
setInterval(() => {
  // Memory behind finalizers is freed by the second collection.
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  writeFileSync(file, String(heapUsed + external));
}, everyMs).unref();
