import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { listVersions } from './globals.ts';

it('versions are those of Node and of installed packages, not of the packages of this repository', () => {
  const root = mkdtempSync(join(tmpdir(), 'ogong-lock-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const packages = {
    '': { version: '0.1.0' },
    'packages/a': { version: '0.1.0' },
    'node_modules/@ogong/a': { resolved: 'packages/a', link: true },
    'node_modules/zod': { version: '4.0.0', integrity: 'sha512-x' },
    'lab/node_modules/zod': { version: '3.0.0', integrity: 'sha512-y' },
  };
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages }));
  expect(listVersions(root, 'v24')).toEqual([
    'node v24',
    'lab/node_modules/zod 3.0.0 sha512-y',
    'node_modules/zod 4.0.0 sha512-x',
  ]);
});
