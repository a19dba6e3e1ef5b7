import { open, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { withProcessLock } from './process-lock.ts';

// One of the processes that process-lock.process.test.ts sets against each other. Arguments: the lock, and a file that is there while
// somebody is inside. Prints `overlap` if another process is inside at the same time.
const [lock = '', marker = ''] = process.argv.slice(2);
const say = (word: 'holding' | 'overlap' | 'done') => process.send?.(word);

process.on('message', (order: 'hold' | 'pass') => {
  void withProcessLock(lock, async () => {
    if (order === 'hold') {
      say('holding');
      await new Promise(() => undefined);
    }
    try {
      await (await open(marker, 'wx')).close();
      await delay(3);
      await rm(marker);
    } catch {
      say('overlap');
    }
  }).then(() => say('done'));
});
process.on('disconnect', () => process.exit(0));
