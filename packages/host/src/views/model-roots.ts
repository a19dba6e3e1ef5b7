import { readFileSync } from 'node:fs';
import { equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import { findNamedRoot } from '@ogong/protocol/exchange/named-root';
import type { TimeSpan } from '@ogong/protocol/stage1/published-root';
import { parseTrust } from '@ogong/protocol/stage1/trust';
import { ConfigError } from '../config/config-error.ts';
import { boolean, text } from '../config/values.ts';
import { nodeCrypto } from '../crypto/node-crypto.ts';
import { createRegistryRoots, type RegistryRootsDependencies } from './registry-roots.ts';

/** Where published weights are looked up: a name means nothing unless somebody has said which weights bear it. */
export interface ModelRoots {
  /**
   * The roots that were in force under a model id at some time of a span, 32 bytes each; none where nobody has published any,
   * and undefined where that is not known.
   */
  find(modelId: string, span: TimeSpan): readonly Uint8Array[] | undefined;
  /** Looks names up that are not known, or were looked up too long ago. A name that cannot be looked up stays as it was. */
  prepare(modelIds: readonly string[]): Promise<void>;
}

export const modelRootFields = {
  modelRoots: {
    schema: text,
    label: '<path>',
    description:
      'JSON file with the published root of each model id, instead of the registry on the chain: other weights, and other ids, are refused',
  },
  anyWeights: {
    schema: boolean,
    boolean: true,
    description: 'take the word of providers for which weights bear a name, instead of the registry on the chain',
  },
} as const;

/** Roots from a file, in force at all times. An own copy, so that what is published cannot be changed from outside. */
export function createModelRoots(published: Readonly<Record<string, Uint8Array>>): ModelRoots {
  const roots = new Map(Object.entries(published).map(([id, root]) => [id, [root]]));
  return { find: (modelId) => roots.get(modelId) ?? [], prepare: () => Promise.resolve() };
}

/**
 * Where a daemon looks weights up: the registry on the chain, unless its operator gives a file or takes the word of providers.
 * @returns undefined where the operator takes the word of providers.
 * @throws ConfigError where the file cannot be used, or where the operator gives both.
 */
export function openModelRoots(
  command: string,
  { modelRoots, anyWeights }: { readonly modelRoots: string | undefined; readonly anyWeights: boolean },
  registry: RegistryRootsDependencies,
): ModelRoots | undefined {
  if (modelRoots !== undefined && anyWeights) {
    throw new ConfigError(command, ['--model-roots and --any-weights exclude each other']);
  }
  if (anyWeights) return undefined;
  return modelRoots === undefined ? createRegistryRoots({}, registry) : parseFile(command, modelRoots);
}

function parseFile(command: string, path: string): ModelRoots {
  try {
    const roots = parseJson(new Uint8Array(readFileSync(path)));
    return createModelRoots(parseTrust({ modelRoots: roots }).modelRoots ?? {});
  } catch (error) {
    const isKnown = error instanceof ProtocolError || (error as NodeJS.ErrnoException).code !== undefined;
    if (!isKnown) throw error;
    throw new ConfigError(command, [`--model-roots ${path}: ${(error as Error).message}`]);
  }
}

/**
 * Why weights may not be sold under a name, in words.
 * @param roots undefined where the operator takes the word of providers.
 * @returns undefined where they may.
 */
export function findWeightsProblem(
  roots: Pick<ModelRoots, 'find'> | undefined,
  { modelId, modelRoot }: { readonly modelId: string; readonly modelRoot: Uint8Array },
  span: TimeSpan,
): string | undefined {
  const named = findNamedRoot(nodeCrypto, modelId);
  if (named !== undefined) {
    return equalBytes(named, modelRoot)
      ? undefined
      : `another root than that of the name ${modelId}, which has no weights`;
  }
  if (roots === undefined) return undefined;
  const published = roots.find(modelId, span);
  if (published === undefined) return `the published weights of ${modelId} cannot be looked up now`;
  if (published.length === 0) return `nobody has published the weights of ${modelId}`;
  const isPublished = published.some((root) => equalBytes(root, modelRoot));
  return isPublished ? undefined : `other weights than those published as ${modelId}`;
}
