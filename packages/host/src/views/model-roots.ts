import { equalBytes } from '@ogong/protocol/base/bytes';
import { findNamedRoot } from '@ogong/protocol/exchange/named-root';
import type { TimeSpan } from '@ogong/protocol/exchange/order-span';
import { nodeCrypto } from '../crypto/node-crypto.ts';

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

/** Roots from a file, in force at all times. An own copy, so that what is published cannot be changed from outside. */
export function createModelRoots(published: Readonly<Record<string, Uint8Array>>): ModelRoots {
  const roots = new Map(Object.entries(published).map(([id, root]) => [id, [root]]));
  return { find: (modelId) => roots.get(modelId) ?? [], prepare: () => Promise.resolve() };
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
