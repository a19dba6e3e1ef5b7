// Preloaded into the daemons of a test mesh. It puts their wall clock ahead by the milliseconds that a file names, so that a
// test need not wait for minutes.
import { readFileSync } from 'node:fs';

const file = process.env.OGONG_LAB_CLOCK;
const pollMs = 200;

if (file) {
  const now = Date.now;
  let aheadMs = read(file);
  Date.now = () => now() + aheadMs;
  setInterval(() => {
    aheadMs = read(file);
  }, pollMs).unref();
}

function read(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8')) || 0;
  } catch {
    return 0;
  }
}
