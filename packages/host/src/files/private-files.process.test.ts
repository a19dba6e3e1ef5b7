import { spawnSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

/** Of no user here: a container may run under any number. */
const NAMELESS = 54_321;

it.skipIf(process.getuid?.() !== 0)(
  'a user without a name has a directory of its own (only root can become one)',
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'ogong-nameless-'));
    chownSync(directory, NAMELESS, NAMELESS);
    const module = new URL('private-files.ts', import.meta.url).href;
    // Files are read as root, as they may be closed to others.
    const code = `
    const { makePrivateDirectory } = await import(${JSON.stringify(module)});
    process.setgid(${NAMELESS});
    process.setuid(${NAMELESS});
    makePrivateDirectory(${JSON.stringify(join(directory, 'data'))});`;
    const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });
    expect([stderr, status]).toEqual(['', 0]);
    const { uid, mode } = statSync(join(directory, 'data'));
    expect([uid, mode & 0o777]).toEqual([NAMELESS, 0o700]);
    rmSync(directory, { recursive: true });
  },
);
