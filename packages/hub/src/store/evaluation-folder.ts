import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_EVALUATION_BYTES } from '../evaluation-size.ts';
import { assertBlobName, HubBlobError } from './blob-store.ts';

/** Returns the file of an evaluation in the folder of a store. @param hash SHA-256 of the file, 64 hex digits. @throws HubBlobError `bad-name`. */
export function evaluationPath(directory: string, hash: string): string {
  assertBlobName(hash);
  return join(directory, 'evaluations', hash);
}

/** Returns whether the folder of a store has an evaluation. */
export const hasEvaluation = (directory: string, hash: string): Promise<boolean> =>
  stat(evaluationPath(directory, hash)).then(
    (found) => found.isFile(),
    () => false,
  );

/** Yields the bytes of an evaluation while they are hashed. @throws HubBlobError `too-long`; `wrong-content` after the last byte. */
async function* hashEvaluation(stream: AsyncIterable<Uint8Array>, hash: string): AsyncGenerator<Uint8Array> {
  const hashed = createHash('sha256');
  let bytes = 0;
  for await (const piece of stream) {
    bytes += piece.length;
    if (bytes > MAX_EVALUATION_BYTES)
      throw new HubBlobError('too-long', `an evaluation of more than ${MAX_EVALUATION_BYTES} bytes`);
    hashed.update(piece);
    yield piece;
  }
  const found = hashed.digest('hex');
  if (found !== hash) throw new HubBlobError('wrong-content', `the evaluation has the hash ${found}, not ${hash}`);
}

/** Reads a file and checks that it is the evaluation. @returns its size. @throws HubBlobError `bad-name`, `too-long`, `wrong-content`. */
export async function measureEvaluation(path: string, hash: string): Promise<number> {
  assertBlobName(hash);
  let bytes = 0;
  for await (const piece of hashEvaluation(createReadStream(path), hash)) bytes += piece.length;
  return bytes;
}

/**
 * Keeps an evaluation in the folder of a store. It gets its name when it is whole and has its hash.
 * @throws HubBlobError `bad-name`, `too-long`, `wrong-content`, or the error of the stream.
 */
export async function keepEvaluation(
  directory: string,
  { hash, stream }: { readonly hash: string; readonly stream: AsyncIterable<Uint8Array> },
): Promise<void> {
  const path = evaluationPath(directory, hash);
  const part = `${path}.${randomUUID()}`;
  await mkdir(join(directory, 'evaluations'), { recursive: true });
  try {
    const file = await open(part, 'wx');
    try {
      for await (const piece of hashEvaluation(stream, hash)) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
}

/** Reads an evaluation from the folder of a store. Nothing is checked. @throws HubBlobError `not-found`. */
export async function* readKeptEvaluation(
  directory: string,
  hash: string,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (!(await hasEvaluation(directory, hash)))
    throw new HubBlobError('not-found', `no evaluation ${hash} in ${directory}`);
  yield* createReadStream(evaluationPath(directory, hash), { ...(signal && { signal }) });
}
