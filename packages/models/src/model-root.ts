import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { computeComposedRoot } from '@ogong/protocol/commitment/composed-root';
import { type FileHashes, hashFile } from './file-hashes.ts';
import { type FileStamp, isSameStamp, readFileStamp } from './file-stamp.ts';
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

/** SHA-256 over the ordered shard content hashes (whitepaper 7.2), 32 bytes. */
export function computeModelRoot(shardHashes: readonly Uint8Array[]): Uint8Array {
  return sha256Of(...shardHashes);
}

function sha256Of(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** The root of a model with these adapters, in the order of their application, and its encoder; of the model alone, its own. */
export function composeModelRoot(base: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 0 ? base : computeComposedRoot({ sha256: sha256Of }, base, parts);
}

export interface StampedFile {
  readonly path: string;
  readonly stamp: FileStamp;
}

export interface HashedModel {
  readonly modelRoot: Uint8Array;
  /** Stamped as they were while they were hashed. */
  readonly shards: readonly (StampedFile & { readonly sha256: Uint8Array })[];
}

/** @param hashes hashes from earlier reads; without it every shard is read in full. @throws ModelError. */
export async function hashModelFile(path: string, hashes?: FileHashes): Promise<HashedModel> {
  const hash = hashes?.hash ?? hashFile;
  if (!existsSync(path)) throw new ModelError('not-found', `there is no model file at ${path}`);
  const shards = [];
  for (const shard of listShards(path)) {
    const stamp = readFileStamp(shard);
    const sha256 = await hash(shard);
    if (!isSameStamp(stamp, readFileStamp(shard)))
      throw new ModelError('wrong-hash', `${shard} changed while it was hashed; try again once nobody writes to it`, {
        retryable: true,
      });
    shards.push({ path: shard, sha256, stamp });
  }
  return { modelRoot: computeModelRoot(shards.map(({ sha256 }) => sha256)), shards };
}
