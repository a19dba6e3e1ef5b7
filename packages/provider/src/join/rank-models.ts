import { equalBytes } from '@ogong/protocol/base/bytes';
import { parseModelId } from '@ogong/protocol/exchange/match';
import type { NetworkModel } from '@ogong/protocol/network/network-document';
import { isAttestedTier, isProxiedTier } from '@ogong/protocol/tier/registry';

/** A model of a network, with the size of its weights if it is known. */
export interface SizedModel {
  readonly model: NetworkModel;
  readonly sizeBytes: number | undefined;
}

/** A model, with the earnings of a machine that serves it. */
export interface RankedModel extends SizedModel {
  /** Earnings of an hour at the present load, and of one reply after the other, in atomic units; 0 if no speed is known. */
  readonly perHourAtomic: bigint;
  readonly mostPerHourAtomic: bigint;
  /** Why the machine should not serve it; undefined if it can. */
  readonly problem: string | undefined;
}

/** The rest is for the KV cache, for computing, and for other programs. */
const WEIGHT_SHARE = 0.8;
const NO_ROOT = new Uint8Array(32);

/**
 * Ranks the models of a network for a machine. Those that it can serve come first. The order is by earnings at the present load, by demand, and
 * by the most that they can earn.
 * @param memoryBytes free for weights and everything else.
 */
export function rankModels(
  models: readonly SizedModel[],
  { memoryBytes }: { readonly memoryBytes: number },
): readonly RankedModel[] {
  const ranked = models.map((sized) => ({
    ...sized,
    ...computeEarnings(sized.model),
    problem: findProblem(sized, memoryBytes),
  }));
  return ranked.sort(
    (a, b) =>
      Number(a.problem !== undefined) - Number(b.problem !== undefined) ||
      compare(b.perHourAtomic, a.perHourAtomic) ||
      b.model.milliDemand - a.model.milliDemand ||
      compare(b.mostPerHourAtomic, a.mostPerHourAtomic) ||
      (a.model.id < b.model.id ? -1 : 1),
  );
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : Number(a > b));

/** Of a machine as fast as the others are: the network's median, one reply after the other. */
function computeEarnings({ pricePer1kAtomic, milliTokensPerSecond, slots, freeSlots }: NetworkModel) {
  const mostPerHourAtomic = (pricePer1kAtomic * BigInt(milliTokensPerSecond) * 3_600n) / 1_000_000n;
  const perHourAtomic = slots === 0 ? 0n : (mostPerHourAtomic * BigInt(slots - freeSlots)) / BigInt(slots);
  return { perHourAtomic, mostPerHourAtomic };
}

function findProblem({ model, sizeBytes }: SizedModel, memoryBytes: number): string | undefined {
  const { tier } = parseModelId(model.id);
  if (isAttestedTier(tier) || isProxiedTier(tier)) return 'its tier needs a machine that shows what it runs';
  if (equalBytes(model.modelRoot, NO_ROOT)) return 'nobody serves it, so nobody knows its weights';
  if (model.source === '') return 'the network does not say where its weights are; name them by --model';
  if (model.verifiers === 0) return 'nobody can verify its replies, so none would be paid';
  if (sizeBytes !== undefined && sizeBytes > memoryBytes * WEIGHT_SHARE)
    return `its weights take ${toGigabytes(sizeBytes)} GB, and ${toGigabytes(memoryBytes)} GB are free`;
  return undefined;
}

const toGigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1);
