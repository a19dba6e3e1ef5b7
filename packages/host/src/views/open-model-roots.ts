import { readFileSync } from 'node:fs';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import { parseTrust } from '@ogong/protocol/stage1/trust';
import { ConfigError } from '../config/config-error.ts';
import { boolean, text } from '../config/values.ts';
import { createModelRoots, type ModelRoots } from './model-roots.ts';
import { createRegistryRoots, type RegistryRootsDependencies } from './registry-roots.ts';

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
    description: 'trust providers about the weights behind a name, instead of the registry on the chain',
  },
} as const;

/**
 * The source of weights for a daemon: the registry on the chain, unless its operator names a file or trusts providers' claims.
 * @returns undefined if the operator trusts providers' claims.
 * @throws ConfigError if the file cannot be used, or if the operator sets both.
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
