import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import timers from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFileHashes, hashFile, type ReadingProgress } from './file-hashes.ts';

const sha256 = (text: string): Uint8Array => new Uint8Array(createHash('sha256').update(text).digest());

let folder: string;
let path: string;
const cache = () => join(folder, 'hashes');
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-hashes-'));
  path = join(folder, 'a.gguf');
  writeFileSync(path, 'one');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const hash = (verify = false) => createFileHashes(cache(), { verify }).hash(path);

/** Replaces what is stored for the file, as somebody does who can write beside the models. */
function forge(change: (stored: Record<string, string>) => Record<string, string>): void {
  const [name = ''] = readdirSync(cache());
  const entry = join(cache(), name);
  writeFileSync(entry, JSON.stringify(change(JSON.parse(readFileSync(entry, 'utf8')))));
}

/** Other bytes of the same length, under the times that the file had. */
function changeQuietly(): void {
  const { atime, mtime } = statSync(path);
  writeFileSync(path, 'two');
  utimesSync(path, atime, mtime);
}

/** A forgery that a file system without change times lets through, or one by a user who forges the stored time. */
function forgeStamp(): void {
  const { mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  forge((stored) => ({ ...stored, mtimeNs: `${mtimeNs}`, ctimeNs: `${ctimeNs}` }));
}

describe('hashes of files', () => {
  it('reads a file once, and believes the stored hash as long as its stamp holds', async () => {
    expect(await hash()).toEqual(await hashFile(path));
    forge((stored) => ({ ...stored, sha256: 'ab'.repeat(32) }));
    expect(await hash()).toEqual(new Uint8Array(32).fill(0xab));
  });

  it.each([
    ['size', () => writeFileSync(path, 'longer')],
    ['modification time', () => utimesSync(path, 1, 1)],
    ['bytes, with its modification time restored', changeQuietly],
    [
      'inode',
      () => {
        writeFileSync(join(folder, 'b'), 'two');
        rmSync(path);
        return rename(join(folder, 'b'), path);
      },
    ],
  ])('reads it again when it has another %s', async (_what, change) => {
    await hash();
    forge((stored) => ({ ...stored, sha256: 'ab'.repeat(32) }));
    await change();
    expect(await hash()).toEqual(await hashFile(path));
  });

  it('sees in full what was changed behind its stamp, and forgets the stored hash', async () => {
    await hash();
    changeQuietly();
    forgeStamp();
    const unchanged = await hash();
    expect(unchanged).not.toEqual(await hashFile(path));
    await expect(hash(true)).rejects.toMatchObject({ code: 'wrong-hash' });
    expect(await hash()).toEqual(await hashFile(path));
  });

  it('reads in full once for all who ask the same object', async () => {
    const hashes = createFileHashes(cache(), { verify: true });
    await hashes.hash(path);
    forge((stored) => ({ ...stored, sha256: 'ab'.repeat(32) }));
    expect(await hashes.hash(path)).toEqual(new Uint8Array(32).fill(0xab));
  });

  it('reads what was written within one tick of the clock that stamps it', async () => {
    const now = vi.spyOn(Date, 'now').mockReturnValue(statSync(path).ctimeMs);
    const delay = vi.spyOn(timers, 'setTimeout').mockImplementationOnce(async () => writeFileSync(path, 'two'));
    syncBuiltinESMExports();
    try {
      expect(await hash()).toEqual(sha256('two'));
    } finally {
      now.mockRestore();
      delay.mockRestore();
      syncBuiltinESMExports();
    }
  });

  it('keeps a hash over a rename of its own, and over no change of the bytes', async () => {
    const hashes = createFileHashes(cache());
    await hashes.hash(path);
    forge((stored) => ({ ...stored, sha256: 'ab'.repeat(32) }));
    const moved = join(folder, 'moved.gguf');
    await rename(path, moved);
    await hashes.restamp(moved);
    expect(await hashes.hash(moved)).toEqual(new Uint8Array(32).fill(0xab));
    writeFileSync(moved, 'two');
    await hashes.restamp(moved);
    expect(await hashes.hash(moved)).toEqual(await hashFile(moved));
  });

  it.each(['', '{}', '{"sha256":"xyz"}', 'null'])('takes %j for no stored hash', async (text) => {
    const expected = await hash();
    writeFileSync(join(cache(), readdirSync(cache())[0] as string), text);
    expect(await hash()).toEqual(expected);
  });

  it('says how far it has read, and nothing where it need not read', async () => {
    const seen: ReadingProgress[] = [];
    const hashes = createFileHashes(cache(), { onReading: (progress) => void seen.push(progress) });
    writeFileSync(path, new Uint8Array(2_500_000));
    await hashes.hash(path);
    expect(seen.map(({ readBytes }) => readBytes)).toEqual([1_048_576, 2_097_152, 2_500_000]);
    expect(seen[0]).toMatchObject({ path, totalBytes: 2_500_000 });
    await hashes.hash(path);
    expect(seen).toHaveLength(3);
  });

  it('works where nothing can be stored', async () => {
    writeFileSync(cache(), 'a file in the folder’s place');
    expect(await hash()).toEqual(await hashFile(path));
  });
});
