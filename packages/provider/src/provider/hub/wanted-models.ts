import { ProtocolError } from '@ogong/protocol/base/bytes';
import { parseModelId } from '@ogong/protocol/exchange/match';
import type { ListDemandResponse } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

/** A model that consumers ask for, and that lacks a provider or a verifier. */
export interface WantedModel {
  /** `ogong/<tier>/<maker>/<model>` */
  readonly modelId: string;
  readonly milliWeight: number;
}

/** Rows of one router that are read. */
export const MAX_READ_ROWS = 64;

/** Payees with a verifier that a model needs: the provider of a reply never checks it. */
const NEEDED_VERIFIERS = 2;

/**
 * Reads a router's answer. Rows without a model id are skipped. So are models that need nothing which this provider has: it adds a
 * provider, and where it has one a verifier.
 */
export function readDemand(
  { models }: Pick<ListDemandResponse, 'models'>,
  { hasVerifier }: { readonly hasVerifier: boolean },
): ReadonlyMap<string, number> {
  return new Map(
    models
      .slice(0, MAX_READ_ROWS)
      .filter(({ providers, verifiers }) => providers === 0 || (hasVerifier && verifiers < NEEDED_VERIFIERS))
      .filter(({ model }) => isModelId(model))
      .map(({ model, milliWeight }) => [model, milliWeight]),
  );
}

function isModelId(text: string): boolean {
  try {
    parseModelId(text);
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

/**
 * Combines the demand that several routers name. A model weighs the lower median over all routers. A router that is silent or does not
 * name the model counts 0. So of two routers both have to name a model, and of three two.
 * @param answers one for each router; undefined for a silent one.
 * @returns models with a weight, the most wanted first, equals by their ids.
 */
export function combineDemand(answers: readonly (ReadonlyMap<string, number> | undefined)[]): readonly WantedModel[] {
  const ids = new Set(answers.flatMap((answer) => [...(answer?.keys() ?? [])]));
  return [...ids]
    .map((modelId) => ({ modelId, milliWeight: lowerMedian(answers.map((answer) => answer?.get(modelId) ?? 0)) }))
    .filter(({ milliWeight }) => milliWeight > 0)
    .sort((a, b) => b.milliWeight - a.milliWeight || (a.modelId < b.modelId ? -1 : 1));
}

const lowerMedian = (weights: readonly number[]): number =>
  weights.toSorted((a, b) => a - b)[Math.floor((weights.length - 1) / 2)] ?? 0;
