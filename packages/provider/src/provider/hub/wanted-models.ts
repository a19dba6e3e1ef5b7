import { ProtocolError } from '@ogong/protocol/base/bytes';
import { parseModelId } from '@ogong/protocol/exchange/match';
import type { ListDemandResponse } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

/** A model that consumers ask for, and that nobody serves. */
export interface WantedModel {
  /** `ogong/<tier>/<maker>/<model>` */
  readonly modelId: string;
  readonly milliWeight: number;
}

/** Rows of one router that are read. */
export const MAX_READ_ROWS = 64;

/** Reads a router's answer. Rows without a model id are skipped. */
export function readDemand({ models }: Pick<ListDemandResponse, 'models'>): ReadonlyMap<string, number> {
  return new Map(
    models
      .slice(0, MAX_READ_ROWS)
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
