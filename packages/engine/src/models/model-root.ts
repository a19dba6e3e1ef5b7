import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { ModelError } from './model-error.ts';

const SHARD = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/** All files of a model, in order: the file itself, or every shard of `<name>-00001-of-0000N.gguf`. @throws ModelError. */
export function listShards(path: string): string[] {
  const match = SHARD.exec(path);
  if (match === null) return [path];
  const [, stem, , total] = match as unknown as [string, string, string, string];
  const shards = Array.from(
    { length: Number(total) },
    (_, i) => `${stem}-${String(i + 1).padStart(5, '0')}-of-${total}.gguf`,
  );
  const missing = shards.find((shard) => !existsSync(shard));
  if (missing !== undefined)
    throw new ModelError('not-found', `the model is split into ${total} files and ${missing} is missing`);
  return shards;
}

/** SHA-256 of a file's contents. */
export async function hashFile(path: string, signal?: AbortSignal): Promise<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, ...(signal && { signal }) }))
    hash.update(chunk as Buffer);
  return new Uint8Array(hash.digest());
}

/** SHA-256 over the ordered shard content hashes (whitepaper 7.2), 32 bytes. */
export function computeModelRoot(shardHashes: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const shard of shardHashes) hash.update(shard);
  return new Uint8Array(hash.digest());
}

export interface HashedModel {
  readonly modelRoot: Uint8Array;
  readonly shards: readonly { readonly path: string; readonly sha256: Uint8Array }[];
}

/** Reads every shard. @throws ModelError('not-found'). */
export async function hashModelFile(path: string): Promise<HashedModel> {
  if (!existsSync(path)) throw new ModelError('not-found', `there is no model file at ${path}`);
  const shards = [];
  for (const shard of listShards(path)) shards.push({ path: shard, sha256: await hashFile(shard) });
  return { modelRoot: computeModelRoot(shards.map(({ sha256 }) => sha256)), shards };
}
