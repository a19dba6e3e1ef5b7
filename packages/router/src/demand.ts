import { createTally } from '@ogong/host/link/tally';

/** Requests for a model that no provider served, or that nobody but its provider could check. */
export interface ModelDemand {
  /** `ogong/<tier>/<maker>/<model>` */
  readonly model: string;
  /** Thousandths of a count. One address that asks all the time weighs less than 2,000. */
  readonly milliWeight: number;
  /** Time of the first count of the row. */
  readonly sinceMs: number;
}

export interface Demand {
  /**
   * Counts a request that lacked a provider or a verifier: each address group once an hour.
   * @param modelId a parsed model id.
   * @param group of the caller's address. Certificates are free, and addresses are not.
   * @returns whether the demand is in the table, perhaps from an earlier request.
   */
  note(modelId: string, group: string, nowMs: number): boolean;
  /** Lists the models, the most wanted first. */
  list(limit: number, nowMs: number): readonly ModelDemand[];
}

export const MAX_WANTED_MODELS = 256;
/** Addresses that count for one model within an hour. More would show nothing new. */
const MAX_GROUPS = 256;
/** Models that one address counts for within an hour, so that it cannot fill the table. */
const MAX_MODELS_OF_GROUP = 16;
const HOUR_MS = 3_600_000;
const COUNT = 1_000;
const LEAST = 200;

interface Row {
  milliWeight: number;
  readonly sinceMs: number;
  /** Groups that were counted in this hour. */
  readonly groups: Set<string>;
}

/**
 * Counts demand for models that lack a provider or a verifier (docs/spec/match.md#demand). Weights are halved each hour. A full table forgets its
 * least wanted model, the oldest of equals.
 */
export function createDemand(): Demand {
  const rows = new Map<string, Row>();
  let models = createTally();
  let hour = 0;

  function decay(nowMs: number): void {
    const passed = Math.floor(nowMs / HOUR_MS) - hour;
    // A clock that was set back gives no second count.
    if (passed <= 0) return;
    hour += passed;
    models = createTally();
    for (const [model, row] of rows) {
      row.groups.clear();
      row.milliWeight = Math.floor(row.milliWeight / 2 ** passed);
      if (row.milliWeight < LEAST) rows.delete(model);
    }
  }

  function findRow(modelId: string, nowMs: number): Row {
    const known = rows.get(modelId);
    if (known !== undefined) return known;
    if (rows.size >= MAX_WANTED_MODELS) {
      const [least] = [...rows].reduce((a, b) => (b[1].milliWeight < a[1].milliWeight ? b : a));
      rows.delete(least);
    }
    const row: Row = { milliWeight: 0, sinceMs: nowMs, groups: new Set() };
    rows.set(modelId, row);
    return row;
  }

  return {
    note(modelId, group, nowMs) {
      decay(nowMs);
      const known = rows.get(modelId);
      if (known?.groups.has(group) || (known?.groups.size ?? 0) >= MAX_GROUPS) return true;
      if (!models.add(group, MAX_MODELS_OF_GROUP)) return known !== undefined;
      const row = findRow(modelId, nowMs);
      row.groups.add(group);
      row.milliWeight += COUNT;
      return true;
    },
    list(limit, nowMs) {
      decay(nowMs);
      return [...rows]
        .map(([model, { milliWeight, sinceMs }]) => ({ model, milliWeight, sinceMs }))
        .sort((a, b) => b.milliWeight - a.milliWeight || a.sinceMs - b.sinceMs)
        .slice(0, limit);
    },
  };
}
