import type { FileHashes } from '@ogong/models/file-hashes';
import { isSameStamp, readFileStamp } from '@ogong/models/file-stamp';
import { ModelError } from '@ogong/models/model-error';
import { composeModelRoot, type HashedModel, hashModelFile, type StampedFile } from '@ogong/models/model-root';
import { toHex } from '@ogong/protocol/base/bytes';
import { EngineError } from '../interface/engine-error.ts';
import { inspectAdapterFile } from './adapter-file.ts';
import { inspectModelFile, type ModelFacts } from './model-file.ts';

/** A model whose files were read and hashed once. A child receives it and reads neither again. */
export interface VerifiedModel {
  readonly facts: ModelFacts;
  /** Root of the weights that answer: with adapters or an encoder of pictures, the composed root. */
  readonly modelRoot: Uint8Array;
  /** Roots that the model root is composed of: of the base model, each adapter and the encoder. Empty for a base model alone. */
  readonly parts: readonly Uint8Array[];
  /** Files of the adapters, in the order of their application. */
  readonly adapterPaths: readonly string[];
  /** All shards and adapters, stamped as they were when they were hashed. */
  readonly files: readonly StampedFile[];
}

export interface VerifyOptions {
  /** The root that the files must have, 32 bytes. */
  readonly modelRoot?: Uint8Array | undefined;
  /** Hashes of files that were read before. Default: files are read in full. */
  readonly hashes?: FileHashes | undefined;
  /** GGUF files of adapters for this model, in the order of their application. */
  readonly adapterPaths?: readonly string[] | undefined;
  /** Root of the encoder of pictures, whose own process has checked its files. */
  readonly encoderRoot?: Uint8Array | undefined;
}

/**
 * @param facts of the same path, if they are known already.
 * @throws EngineError: 'model-not-found', 'model-corrupt' (wrong hash, broken file, changed while it was read), 'unsupported-model'.
 */
export async function verifyModel(
  path: string,
  { modelRoot, hashes, adapterPaths = [], encoderRoot }: VerifyOptions = {},
  facts: ModelFacts = inspectModelFile(path),
): Promise<VerifiedModel> {
  const hashed = await hashModel(path, hashes);
  const adapters: HashedModel[] = [];
  for (const each of adapterPaths) {
    const { stamp } = inspectAdapterFile(each, facts);
    const adapter = await hashModel(each, hashes);
    assertSame(adapter, each, stamp);
    adapters.push(adapter);
  }
  const added = [...adapters.map((adapter) => adapter.modelRoot), ...(encoderRoot ? [encoderRoot] : [])];
  const parts = added.length === 0 ? [] : [hashed.modelRoot, ...added];
  const root = composeModelRoot(hashed.modelRoot, added);
  const shards = [hashed, ...adapters].flatMap((each) => each.shards);
  if (modelRoot !== undefined) assertRoot(path, { modelRoot: root, shards }, modelRoot);
  assertSame(hashed, path, facts.stamp);
  const files = shards.map(({ path, stamp }) => ({ path, stamp }));
  return { facts, modelRoot: root, parts, adapterPaths, files };
}

/**
 * A child loads the bytes that its parent hashed, or nothing: called before llama.cpp opens the files and again behind it.
 * @throws EngineError('model-corrupt') if one is gone or is another.
 */
export function assertUnchanged(files: readonly StampedFile[]): void {
  for (const { path, stamp } of files) {
    if (isUnchanged(path, stamp)) continue;
    throw new EngineError(
      'model-corrupt',
      `${path} was written, moved or replaced since it was hashed; restart the program, so that it is hashed again`,
    );
  }
}

function isUnchanged(path: string, stamp: StampedFile['stamp']): boolean {
  try {
    return isSameStamp(readFileStamp(path), stamp);
  } catch {
    return false;
  }
}

function assertSame({ shards }: HashedModel, path: string, stamp: StampedFile['stamp']): void {
  const hashed = shards.find((shard) => shard.path === path);
  if (hashed === undefined || !isSameStamp(hashed.stamp, stamp))
    throw new EngineError('model-corrupt', `${path} changed between reading its header and hashing it; start again`);
}

async function hashModel(path: string, hashes: FileHashes | undefined): Promise<HashedModel> {
  try {
    return await hashModelFile(path, hashes);
  } catch (cause) {
    const code = cause instanceof ModelError && cause.code === 'wrong-hash' ? 'model-corrupt' : 'model-not-found';
    throw new EngineError(code, (cause as Error).message, { cause });
  }
}

function assertRoot(path: string, { modelRoot, shards }: HashedModel, expected: Uint8Array): void {
  if (toHex(modelRoot) === toHex(expected)) return;
  const contents = shards.map((shard) => `${shard.path} (sha256 ${toHex(shard.sha256)})`).join(', ');
  throw new EngineError(
    'model-corrupt',
    `the model at ${path} is not the one expected: its root is ${toHex(modelRoot)}, expected ${toHex(expected)}; files read: ${contents}; fetch it again`,
  );
}
