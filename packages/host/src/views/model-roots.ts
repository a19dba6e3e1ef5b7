import { equalBytes } from '@ogong/protocol/base/bytes';
import { findNamedRoot } from '@ogong/protocol/exchange/named-root';
import type { TimeSpan } from '@ogong/protocol/exchange/order-span';
import { nodeCrypto } from '../crypto/node-crypto.ts';

/** Source of published weights: a name means nothing unless its owner has published weights for it. */
export interface ModelRoots {
  /**
   * The roots in force under a model id at some time of a span, 32 bytes each. The list is empty if nobody has published any, and undefined
   * if that is not known.
   */
  find(modelId: string, span: TimeSpan): readonly Uint8Array[] | undefined;
  /** Looks up unknown names, and those whose reading is too old. A name that cannot be looked up stays as it was. */
  prepare(modelIds: readonly string[]): Promise<void>;
}

/** Roots from a file, in force at all times. It is a copy, so that it cannot be changed from outside. */
export function createModelRoots(published: Readonly<Record<string, Uint8Array>>): ModelRoots {
  const roots = new Map(Object.entries(published).map(([id, root]) => [id, [root]]));
  return { find: (modelId) => roots.get(modelId) ?? [], prepare: () => Promise.resolve() };
}

/**
 * Explains why weights may not be sold under a name.
 * @param roots undefined if the operator trusts providers' claims.
 * @returns undefined if they may.
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
