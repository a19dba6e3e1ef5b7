import { createHash, randomUUID } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ENCODER_FILES, ENCODER_NETWORK } from '../encoder-folder.ts';
import type { FileHashes } from '../file-hashes.ts';
import { withProcessLock } from '../process-lock.ts';
import type { ProjectorOpener } from '../resolve.ts';
import { describeProjector } from './describe-projector.ts';
import { findProjectorFile } from './find-projector.ts';

/** The name that the GGUF file has in the folder, beside the network. */
const WEIGHTS_NAME = 'mmproj.gguf';
const WEIGHTS = join(dirname(ENCODER_NETWORK), WEIGHTS_NAME);

/** Makes the folder of the projector that a path names, if it is not there. No two processes make it at once. */
export const openProjector: ProjectorOpener = async (path, { storeDir, hashes, signal }) => {
  const projector = findProjectorFile(resolve(path));
  if (projector === undefined) return undefined;
  const locks = join(storeDir, 'locks');
  mkdirSync(locks, { recursive: true });
  const bring = (): Promise<string> => bringProjectorFolder(projector, storeDir, hashes);
  return withProcessLock(join(locks, 'projectors.lock'), bring, signal);
};

/**
 * Makes the folder of an encoder of a projector in a GGUF file (docs/spec/model-folder.md). The folder holds the GGUF file itself, so the
 * root of the folder covers all of its bytes. Equal files have one folder, which is made once.
 * @param directory the store of models.
 * @returns the path of the folder.
 * @throws ModelError as `describeProjector`.
 */
export async function bringProjectorFolder(path: string, directory: string, hashes: FileHashes): Promise<string> {
  const { config, preprocessor, network } = describeProjector(path, WEIGHTS_NAME);
  const small = new Map<string, Uint8Array>([
    ...[config, preprocessor].map((content, index) => {
      const text = `${JSON.stringify(content, undefined, 2)}\n`;
      return [ENCODER_FILES[index] as string, new TextEncoder().encode(text)] as const;
    }),
    [ENCODER_NETWORK, network],
  ]);
  const sha256 = await hashes.hash(path);
  const folder = join(directory, 'projectors', nameFolder(sha256, small));
  if (await isWhole(folder, { small, sha256, hashes })) return folder;
  const draft = `${folder}.${randomUUID()}`;
  try {
    mkdirSync(join(draft, dirname(ENCODER_NETWORK)), { recursive: true });
    for (const [name, content] of small) writeFileSync(join(draft, name), content);
    placeWeights(path, join(draft, WEIGHTS));
    // A link changes the stamp of the file.
    await hashes.restamp(path);
    rmSync(folder, { recursive: true, force: true });
    renameSync(draft, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return folder;
}

function nameFolder(sha256: Uint8Array, small: ReadonlyMap<string, Uint8Array>): string {
  const hash = createHash('sha256').update(sha256);
  for (const [name, content] of small) hash.update(`${name} ${content.length}\n`).update(content);
  return hash.digest('hex');
}

/** A user may have changed the file in place: the folder then holds other bytes than its name says. */
async function isWhole(
  folder: string,
  {
    small,
    sha256,
    hashes,
  }: {
    readonly small: ReadonlyMap<string, Uint8Array>;
    readonly sha256: Uint8Array;
    readonly hashes: FileHashes;
  },
): Promise<boolean> {
  const weights = join(folder, WEIGHTS);
  const isThere = [...small.keys()].every((name) => existsSync(join(folder, name))) && existsSync(weights);
  if (!isThere) return false;
  const isSame = [...small].every(([name, content]) => readFileSync(join(folder, name)).equals(content));
  return isSame && Buffer.from(sha256).equals(await hashes.hash(weights));
}

/** A link takes no room. Across file systems, and where links are not allowed, the file is copied. */
function placeWeights(from: string, to: string): void {
  try {
    // A link to a link would be one that leads nowhere once the first is gone.
    linkSync(realpathSync(from), to);
  } catch {
    copyFileSync(from, to);
  }
}
