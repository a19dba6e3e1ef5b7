// npm run drift-table: makes the next default drift table from the samples of `npm run detect`. `ogong calibrate show` prints
// its rows, `ogong calibrate diff` the changes.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { calibrateCommand } from '@ogong/cli/calibrate/calibrate-command';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { DEFAULT_TABLE, hashPathOf, MAX_DEFAULT_TABLE_BYTES } from '@ogong/host/drift-table/default-table';
import { readTableFile } from '@ogong/host/drift-table/table-file';
import { processOutput } from '@ogong/host/lifecycle/command';
import { VERSION } from '@ogong/host/version';
import { toHex } from '@ogong/protocol/base/bytes';
import { SAMPLES_FILE } from '@ogong/provider/calibration/sample-store';
import { ATTACKS } from '../attackers/catalogue.ts';

/** Attacks that change values in all of their replies. Others would blur the alternatives to honest drift. */
const named = ATTACKS.filter(
  ({ family, caughtBy }) =>
    family !== 'behaviour' && ['equality', 'sketch-distance'].some((id) => caughtBy.includes(id)),
);
const table = DEFAULT_TABLE;
const directory = dirname(table);
const commit = execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], {
  cwd: import.meta.dirname,
  encoding: 'utf8',
}).trim();
mkdirSync(directory, { recursive: true });
const code = await calibrateCommand.run(
  [
    ...['build', '--samples', join(homedir(), '.ogong', 'detect', SAMPLES_FILE), '--out', table, '--leave-out'],
    ...(existsSync(table) ? ['--previous', table] : []),
    ...named.flatMap(({ name }) => ['--named', name]),
    ...['--code-version', `ogong-${VERSION}+${commit}`, ...process.argv.slice(2)],
  ],
  processOutput,
);
if (code === 0) {
  writeFileSync(hashPathOf(table), `${toHex(readTableFile(nodeCrypto, table).hash)}\n`);
}
process.exitCode = code;
if (code === 0) {
  console.error(
    'validators of this checkout now load it, for these very models: the fixed limits decide about others until they are ' +
      'measured with `ogong calibrate`',
  );
}
if (code === 0 && statSync(table).size > MAX_DEFAULT_TABLE_BYTES) {
  console.error(
    `${table} has ${statSync(table).size} bytes, more than ${MAX_DEFAULT_TABLE_BYTES}: too large to commit`,
  );
  process.exitCode = 1;
}
