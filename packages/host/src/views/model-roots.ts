import { readFileSync } from 'node:fs';
import { equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import { parseTrust } from '@ogong/protocol/stage1/trust';
import { ConfigError } from '../config/config-error.ts';
import { boolean, text } from '../config/values.ts';

/** Where published weights are looked up: a name means nothing unless somebody has said which weights bear it. */
export interface ModelRoots {
  /** The published root of a model id, 32 bytes; undefined where nobody has published one. */
  find(modelId: string): Uint8Array | undefined;
}

export const modelRootFields = {
  modelRoots: {
    schema: text,
    label: '<path>',
    description: 'JSON file with the published root of each model id: other weights, and other ids, are refused',
  },
  anyWeights: {
    schema: boolean,
    boolean: true,
    description: 'without --model-roots: take the word of providers for which weights bear a name',
  },
} as const;

/** An own copy, so that what is published cannot be changed from outside. */
export function createModelRoots(published: Readonly<Record<string, Uint8Array>>): ModelRoots {
  const roots = new Map(Object.entries(published));
  return { find: (modelId) => roots.get(modelId) };
}

/**
 * Where a daemon looks weights up.
 * @returns undefined where the operator takes the word of providers.
 * @throws ConfigError where the file cannot be used, or where the operator has not decided: a daemon must not believe by default.
 */
export function readModelRoots(
  command: string,
  { modelRoots, anyWeights }: { readonly modelRoots: string | undefined; readonly anyWeights: boolean },
): ModelRoots | undefined {
  if ((modelRoots !== undefined) === anyWeights) {
    throw new ConfigError(command, ['give either --model-roots <path> or --any-weights']);
  }
  return modelRoots === undefined ? undefined : parseFile(command, modelRoots);
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
  roots: ModelRoots | undefined,
  { modelId, modelRoot }: { readonly modelId: string; readonly modelRoot: Uint8Array },
): string | undefined {
  if (roots === undefined) return undefined;
  const published = roots.find(modelId);
  if (published === undefined) return `nobody has published the weights of ${modelId}`;
  return equalBytes(published, modelRoot) ? undefined : `other weights than those published as ${modelId}`;
}
