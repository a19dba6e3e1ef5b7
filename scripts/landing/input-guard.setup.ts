// Fails a test file that reads a tracked file outside its inputs. A change of that file would not run the test.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { afterAll, expect } from 'vitest';
import { TEST_INPUTS_FILE } from './environment.ts';
import { createInputGuard, type InputGuard } from './input-guard.ts';

const KEY = Symbol.for('ogong.input-guard');
const shared = globalThis as { [KEY]?: InputGuard };

/** Functions of `node:fs` whose first argument is the path of a file that they read, or of a directory that they list. */
const READERS = [
  'readFileSync',
  'readFile',
  'openSync',
  'open',
  'createReadStream',
  'copyFileSync',
  'copyFile',
  'cpSync',
  'cp',
];
/** Files that the error names. */
const MAX_NAMED = 10;
const LISTERS = ['readdirSync', 'readdir'];

function wrap(home: Record<string, unknown>, name: string, note: (path: unknown) => void): void {
  const original = home[name];
  if (typeof original !== 'function') return;
  home[name] = function (this: unknown, path: unknown, ...rest: unknown[]): unknown {
    note(path);
    return Reflect.apply(original, this, [path, ...rest]);
  };
}

const inputsFile = process.env[TEST_INPUTS_FILE];
if (inputsFile !== undefined) {
  if (shared[KEY] === undefined) {
    const guard = createInputGuard(fs.readFileSync(inputsFile, 'utf8'));
    for (const home of [fs, fs.promises] as unknown as Record<string, unknown>[]) {
      for (const name of READERS) wrap(home, name, guard.note);
      for (const name of LISTERS) wrap(home, name, guard.noteListing);
    }
    syncBuiltinESMExports();
    shared[KEY] = guard;
  }
  const guard = shared[KEY];
  guard.begin(expect.getState().testPath ?? '');
  afterAll(() => {
    const unknown = guard.end();
    if (unknown.length === 0) return;
    const more = unknown.length > MAX_NAMED ? ` and ${unknown.length - MAX_NAMED} more` : '';
    throw new Error(
      `the test reads files that are not among its inputs; add them to scripts/landing/named-inputs.ts: ${unknown.slice(0, MAX_NAMED).join(', ')}${more}`,
    );
  });
}
